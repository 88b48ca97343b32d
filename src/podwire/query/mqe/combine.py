"""
Two results become one: arithmetic, comparisons, && and ||.

In: two results and an operator.  Out: one; the left one's labels and ids stay, unless only the
right has any. A missing number makes a missing number; one that stands alone counts as zero where
it is missing (SkyWalking's rule).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from podwire.query.mqe.lexer import ExpressionError
from podwire.query.mqe.result import LISTS, Kind, Labels, Result, Row, Value, each_number, single

Operation = Callable[[float, float], float]


def combine(operator: str, left: Result, right: Result) -> Result:
    """The combination. Raises `ExpressionError` for kinds that do not meet."""
    if operator in LOGICAL:
        _check_conditions(left, right)
    try:
        found = _combine(OPERATIONS[operator], left, right)
    except ExpressionError as error:
        raise ExpressionError(f"Unsupported {_family(operator)} operation: {error}") from error
    return replace(found, is_condition=operator not in ARITHMETIC)


def _family(operator: str) -> str:
    if operator in ARITHMETIC:
        return "binary"
    return "bool" if operator in LOGICAL else "compare"


def _check_conditions(left: Result, right: Result) -> None:
    for side, result in (("left", left), ("right", right)):
        if not result.is_condition:
            raise ExpressionError(
                f"Bool Operation: The result of the {side} expression is not a compare result."
            )


def _combine(operation: Operation, left: Result, right: Result) -> Result:
    if not (left.rows and right.rows):
        return _nothing(left, right)
    if left.kind is right.kind is Kind.SINGLE_VALUE:
        return _singles(operation, left, right)
    if left.kind in LISTS and right.kind is Kind.SINGLE_VALUE:
        return _with_right(operation, left, right)
    if left.kind is Kind.SINGLE_VALUE and right.kind in LISTS:
        return _with_left(operation, left, right)
    if left.kind is right.kind is Kind.TIME_SERIES_VALUES:
        return _series(operation, left, right)
    raise ExpressionError("Unsupported operation.")


def _nothing(left: Result, right: Result) -> Result:
    """A side without rows leaves nothing to combine."""
    if Kind.UNKNOWN in (left.kind, right.kind):
        return Result(Kind.UNKNOWN)
    kind = left.kind if left.kind in LISTS else right.kind
    return Result(kind, is_labelled=left.is_labelled or right.is_labelled)


def _singles(operation: Operation, left: Result, right: Result) -> Result:
    if left.is_labelled and right.is_labelled:
        return _joined(operation, left, right)
    if left.is_labelled:
        return _with_right(operation, left, right)
    if right.is_labelled:
        return _with_left(operation, left, right)
    one, other = left.rows[0].values[0], right.rows[0].values[0]
    return single(_apply(operation, one, other).number)


def _with_right(operation: Operation, many: Result, one: Result) -> Result:
    scalar = one.rows[0].values[0].number or 0.0
    return replace(many, rows=each_number(many.rows, lambda number: operation(number, scalar)))


def _with_left(operation: Operation, one: Result, many: Result) -> Result:
    scalar = one.rows[0].values[0].number or 0.0
    return replace(many, rows=each_number(many.rows, lambda number: operation(scalar, number)))


def _series(operation: Operation, left: Result, right: Result) -> Result:
    if left.is_labelled and right.is_labelled:
        return _joined(operation, left, right)
    if not right.is_labelled:
        by = right.rows[0]
        return replace(left, rows=tuple(_zipped(operation, row, by) for row in left.rows))
    by = left.rows[0]
    turned: Operation = lambda number, other: operation(other, number)  # noqa: E731
    return replace(right, rows=tuple(_zipped(turned, row, by) for row in right.rows))


def _joined(operation: Operation, left: Result, right: Result) -> Result:
    """Rows with the same set of labels meet; one without a partner keeps no number."""
    partners: dict[frozenset[tuple[str, str]], Row] = {_key(e.labels): e for e in right.rows}
    rows = []
    for row in left.rows:
        partner = partners.get(_key(row.labels))
        rows.append(_zipped(operation, row, partner) if partner else _emptied(row))
    return replace(left, rows=tuple(rows))


def _key(labels: Labels) -> frozenset[tuple[str, str]]:
    return frozenset(labels)


def _emptied(row: Row) -> Row:
    return replace(row, values=tuple(replace(value, number=None) for value in row.values))


def _zipped(operation: Operation, row: Row, by: Row) -> Row:
    if len(row.values) != len(by.values):
        raise ExpressionError("the two series do not have the same points.")
    pairs = zip(row.values, by.values, strict=True)
    return replace(row, values=tuple(_apply(operation, one, other) for one, other in pairs))


def _apply(operation: Operation, one: Value, other: Value) -> Value:
    if one.number is None or other.number is None:
        return replace(one, number=None)
    return replace(one, number=operation(one.number, other.number))


# Numbers: as Java's doubles, so nothing here is ever an error.


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _remainder(left: float, right: float) -> float:
    if math.isinf(left) or right == 0:
        return math.nan
    return math.fmod(left, right)


ARITHMETIC: Mapping[str, Operation] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "%": _remainder,
}
COMPARING: Mapping[str, Operation] = {
    "==": lambda left, right: float(left == right),
    "!=": lambda left, right: float(left != right),
    "<": lambda left, right: float(left < right),
    "<=": lambda left, right: float(left <= right),
    ">": lambda left, right: float(left > right),
    ">=": lambda left, right: float(left >= right),
}
LOGICAL: Mapping[str, Operation] = {
    "&&": lambda left, right: float(left == 1 and right == 1),
    "||": lambda left, right: float(left == 1 or right == 1),
}
OPERATIONS: Mapping[str, Operation] = {**ARITHMETIC, **COMPARING, **LOGICAL}
