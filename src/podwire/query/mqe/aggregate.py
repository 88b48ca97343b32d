"""
Many values become one: over time, or over labels; and series in another order.

In: a result.  Out: a result with fewer values, rows, or labels. Values that are missing are left
out.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import zip_longest

from podwire.query.mqe.lexer import ExpressionError
from podwire.query.mqe.result import Kind, Labels, Result, Row, Value

Numbers = list[float]


def aggregate(function: str, result: Result) -> Result:
    """One value a row. Raises `ExpressionError`: the latest is only of values over time."""
    if function == "latest" and result.kind is not Kind.TIME_SERIES_VALUES:
        raise ExpressionError("LATEST can only be used in time series result.")
    rows = tuple(replace(row, values=(_value(function, row),)) for row in result.rows)
    return replace(result, kind=Kind.SINGLE_VALUE, rows=rows)


def _value(function: str, row: Row) -> Value:
    there = [value for value in row.values if value.number is not None]
    if function in CHOOSING:
        return CHOOSING[function](there) if there else Value(None)
    return Value(COMPUTING[function]([value.number or 0.0 for value in there]))


def _order(value: Value) -> tuple[bool, float, float]:
    """Java's order of doubles: NaN is above infinity, and -0 below 0."""
    number = value.number or 0.0
    if math.isnan(number):
        return (True, 0.0, 0.0)
    return (False, number, math.copysign(1, number))


CHOOSING: Mapping[str, Callable[[list[Value]], Value]] = {
    "latest": lambda values: values[-1],
    "max": lambda values: max(values, key=_order),
    "min": lambda values: min(values, key=_order),
}


def total(numbers: Iterable[float]) -> float:
    """
    A sum that keeps what small numbers lose beside great ones, as Java's streams do.

    >>> total([0.1] * 10), total([math.inf, -1.0])
    (1.0, inf)
    """
    found = lost = plain = 0.0
    for number in numbers:
        plain += number
        part = number - lost
        grown = found + part
        lost = (grown - found) - part
        found = grown
    exact = found - lost
    return plain if math.isnan(exact) and math.isinf(plain) else exact


COMPUTING: Mapping[str, Callable[[Numbers], float | None]] = {
    "avg": lambda numbers: total(numbers) / len(numbers) if numbers else None,
    "count": lambda numbers: float(len(numbers)),
    "sum": total,
}


# Over labels.


def aggregate_labels(function: str, names: tuple[str, ...], result: Result) -> Result:
    """Rows with the same values of these labels as one; a label that the first has not is left."""
    if not result.rows:
        return result
    known = {name for name, _ in result.rows[0].labels}
    by = [name for name in names if name in known]
    groups: dict[Labels, list[Row]] = {}
    for row in result.rows:
        labels = dict(row.labels)
        groups.setdefault(tuple((name, labels.get(name, "")) for name in by), []).append(row)
    rows = tuple(_together(function, labels, found) for labels, found in groups.items())
    return replace(result, rows=rows, is_labelled=bool(by))


def _together(function: str, labels: Labels, rows: list[Row]) -> Row:
    columns = zip_longest(*(row.values for row in rows[1:]))
    rest = [*columns] if len(rows) > 1 else [()] * len(rows[0].values)
    values = (
        _merged(function, first, [first, *others])
        for first, others in zip(rows[0].values, rest, strict=False)
    )
    return Row(labels, tuple(values))


def _merged(function: str, first: Value, column: list[Value | None]) -> Value:
    numbers = [value.number for value in column if value and value.number is not None]
    number = MERGING[function](numbers) if numbers else None
    return replace(first, number=number, trace_id=None)


MERGING: Mapping[str, Callable[[Numbers], float]] = {
    "avg": lambda numbers: sum(numbers) / len(numbers),
    "max": lambda numbers: max(numbers, key=lambda number: _order(Value(number))),
    "min": lambda numbers: min(numbers, key=lambda number: _order(Value(number))),
    "sum": sum,
}


# In another order.


def sort_values(order: str, limit: int, result: Result) -> Result:
    """Rows by their average, whatever the expression asks for (SkyWalking's rule)."""
    if not result.is_labelled:
        return result
    rows = sorted(result.rows, key=lambda row: _order(_value("avg", row)), reverse=order == "des")
    return replace(result, kind=Kind.TIME_SERIES_VALUES, rows=tuple(rows[:limit]))


def sort_label_values(order: str, names: tuple[str, ...], result: Result) -> Result:
    """Rows by the text of these labels, the first first; without the label is before all."""

    def key(row: Row) -> list[str]:
        labels = dict(row.labels)
        return [labels.get(name, "") for name in names]

    rows = sorted(result.rows, key=key, reverse=order == "des")
    return replace(result, rows=tuple(rows))


def merge_lists(order: str, limit: int, results: list[Result]) -> Result:
    """One list of several. Raises `ExpressionError` when they are not of one kind."""
    for one in results[1:]:
        if one.kind is not results[0].kind:
            raise ExpressionError(
                f"TopN type is not consistent, one is {results[0].kind}, another is {one.kind}"
            )
    there = [v for e in results for row in e.rows for v in row.values if v.number is not None]
    there.sort(key=_order, reverse=order == "des")
    return Result(results[0].kind, (Row((), tuple(there[:limit])),))
