"""
Evaluates a tree over series.

In: a tree and the series of its metrics.  Out: series over time, or single values.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from podwire.query.mqe.parse import ExpressionError
from podwire.query.mqe.tree import Binary, Call, MetricRef, Node, Number
from podwire.query.mqe.value import Labels, Series


@dataclass(frozen=True, slots=True)
class Result:
    """Series of one value each when single; otherwise one value a bucket."""

    is_single: bool
    series: tuple[Series, ...]


Known = Mapping[str, Sequence[Series]]


def evaluate(node: Node, known: Known) -> Result:
    """The value of a tree. Raises `ExpressionError` for what cannot be combined."""
    match node:
        case Number(value):
            return Result(is_single=True, series=(Series((), (value,)),))
        case MetricRef(name, labels):
            return Result(is_single=False, series=_selected(known[name], labels))
        case Call(function, argument):
            return _aggregated(function, evaluate(argument, known))
        case Binary(operator, left, right):
            return _combined(OPERATORS[operator], evaluate(left, known), evaluate(right, known))


def _selected(
    series: Sequence[Series], labels: tuple[tuple[str, tuple[str, ...]], ...]
) -> tuple[Series, ...]:
    """Values of a label are alternatives, labels must all match."""
    return tuple(
        each
        for each in series
        if all(dict(each.labels).get(name) in values for name, values in labels)
    )


def _aggregated(function: str, result: Result) -> Result:
    if result.is_single:
        raise ExpressionError(f"{function}() needs values over time")
    found = (
        Series(each.labels, (AGGREGATES[function]([v for v in each.values if v is not None]),))
        for each in result.series
    )
    kept = tuple(each for each in found if each.values[0] is not None)
    return Result(is_single=True, series=kept)


def _average(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


AGGREGATES: Mapping[str, Callable[[Sequence[float]], float | None]] = {
    "avg": _average,
    "count": len,
    "latest": lambda values: values[-1] if values else None,
    "max": lambda values: max(values, default=None),
    "min": lambda values: min(values, default=None),
    "sum": math.fsum,
}


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)


OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "%": lambda left, right: math.fmod(left, right) if right else math.nan,
}


def _combined(operator: Callable[[float, float], float], left: Result, right: Result) -> Result:
    """Equal labels meet; what has no labels meets everything."""
    pairs: list[tuple[Labels, Series, Series]] = []
    by_labels = {each.labels: each for each in right.series}
    for each in left.series:
        if each.labels in by_labels:
            pairs.append((each.labels, each, by_labels[each.labels]))
        elif () in by_labels:
            pairs.append((each.labels, each, by_labels[()]))
        elif each.labels == ():
            pairs += [(other.labels, each, other) for other in right.series]
    return Result(
        is_single=left.is_single and right.is_single,
        series=tuple(Series(labels, _zipped(operator, a, b)) for labels, a, b in pairs),
    )


def _zipped(
    operator: Callable[[float, float], float], left: Series, right: Series
) -> tuple[float | None, ...]:
    length = max(len(left.values), len(right.values))
    a = left.values * (length if len(left.values) == 1 else 1)
    b = right.values * (length if len(right.values) == 1 else 1)
    return tuple(
        None if x is None or y is None else operator(x, y) for x, y in zip(a, b, strict=True)
    )
