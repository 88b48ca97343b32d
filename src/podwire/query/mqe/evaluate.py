"""
Evaluates a tree over what it asked for.

In: a tree, and the result of every metric and list in it.  Out: one result. A mistake becomes a
result with an error; what stands around it decides whether the error is the answer, exactly as in
SkyWalking.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal

from podwire.query.mqe import aggregate, tree
from podwire.query.mqe.combine import combine
from podwire.query.mqe.lexer import ExpressionError
from podwire.query.mqe.printer import text_of
from podwire.query.mqe.result import Kind, Result, Row, each_number, failed, has_numbers, single
from podwire.query.mqe.tree import Node


@dataclass(frozen=True, slots=True)
class Need:
    """A metric over time, with so many steps before the asked time."""

    metric: str
    steps_back: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What an expression asked for, answered."""

    metrics: Mapping[Need, Result]
    lists: Mapping[tree.TopN, Result]
    step_s: Callable[[int], int]
    """How many seconds so many steps are."""


def needs(node: Node) -> Iterator[Need | tree.TopN]:
    """What must be known before a tree can be evaluated; some of it perhaps twice."""
    elsewhere: set[int] = set()
    for each, _ in tree.walk(node):
        match each:
            case tree.Trend(_, metric, steps):
                elsewhere.add(id(metric))
                yield Need(metric.name, steps)
            case tree.TopN(metric):
                elsewhere.add(id(metric))
                yield each
            case tree.Baseline(metric):
                elsewhere.add(id(metric))
            case tree.MetricRef(name) if id(each) not in elsewhere:
                yield Need(name)


def evaluate(node: Node, known: Known) -> Result:
    """The value of a tree; what cannot be evaluated is a result with an error."""
    try:
        return EVALUATORS[type(node)](node, known)
    except ExpressionError as error:
        return failed(str(error))


def _number(node: tree.Number, known: Known) -> Result:
    del known
    return single(node.value)


def _metric(node: tree.MetricRef, known: Known) -> Result:
    return _selected(known.metrics[Need(node.name)], node.labels)


def _selected(result: Result, labels: tuple[tree.Label, ...]) -> Result:
    """A label's values are alternatives, and every label must have one of its own."""
    if not result.is_labelled:
        return result
    wanted = [(name, alternatives(text)) for name, text in labels if text.strip()]
    rows = tuple(
        row
        for row in result.rows
        if all(dict(row.labels).get(name) in values for name, values in wanted)
    )
    return replace(result, rows=rows)


def alternatives(text: str) -> tuple[str, ...]:
    """
    The values between commas.

    >>> alternatives("50, 75")
    ('50', '75')
    """
    return tuple(part.strip() for part in text.split(","))


def _parentheses(node: tree.Parentheses, known: Known) -> Result:
    return evaluate(node.inner, known)


def _binary(node: tree.Binary, known: Known) -> Result:
    left = evaluate(node.left, known)
    if left.error:
        return left
    right = evaluate(node.right, known)
    return right if right.error else combine(node.operator, left, right)


def _aggregate(node: tree.Aggregate, known: Known) -> Result:
    result = evaluate(node.argument, known)
    return result if result.error else aggregate.aggregate(node.function, result)


def _rounding(node: tree.Rounding, known: Known) -> Result:
    result = evaluate(node.argument, known)
    if result.error:
        return result
    change = ROUNDING.get(node.function) or _rounder(node.decimals or 0)
    return replace(result, rows=each_number(result.rows, change))


def _whole(function: Callable[[float], int]) -> Callable[[float], float]:
    """Up or down to a whole number that keeps the sign of what it was: -0 exists."""

    def change(number: float) -> float:
        return math.copysign(function(number), number) if math.isfinite(number) else number

    return change


ROUNDING: Mapping[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
}
WIDE = Context(prec=700)


def _rounder(decimals: int) -> Callable[[float], float]:
    """Half up on the shortest text of the number: 2.675 becomes 2.68."""

    def change(number: float) -> float:
        if not math.isfinite(number):
            return number
        step = Decimal(1).scaleb(-min(decimals, 340))
        return float(Decimal(repr(number)).quantize(step, ROUND_HALF_UP, WIDE)) + 0.0

    return change


def _trend(node: tree.Trend, known: Known) -> Result:
    if node.steps < 1:
        return failed("The trend range must be greater than 0.")
    result = known.metrics[Need(node.metric.name, node.steps)]
    if result.error:
        return result
    result = _selected(result, node.metric.labels)
    if result.kind is not Kind.TIME_SERIES_VALUES:
        message = f"The result of expression [{text_of(node.metric)}] is not a time series result."
        return replace(result, error=message)
    by = known.step_s(node.steps) if node.function == "rate" else 1
    return replace(result, rows=tuple(_increased(row, node.steps, by) for row in result.rows))


def _increased(row: Row, steps: int, by: int) -> Row:
    values = tuple(
        replace(
            now,
            number=None
            if now.number is None or before.number is None
            else (now.number - before.number) / by,
        )
        for before, now in zip(row.values, row.values[steps:], strict=False)
    )
    return replace(row, values=values)


def _baseline(node: tree.Baseline, known: Known) -> Result:
    del known
    return failed(
        f"Baseline: [{node.metric.name}] has no {node.bound} baseline, "
        "podwire does not predict metrics."
    )


def _top_n(node: tree.TopN, known: Known) -> Result:
    if node.limit < 1:
        return failed("TopN value must be > 0.")
    return known.lists[node]


def _top_n_of(node: tree.TopNOf, known: Known) -> Result:
    results = [evaluate(each, known) for each in node.lists]
    wrong = next((each for each in results if each.error), None)
    return wrong or aggregate.merge_lists(node.order, node.limit, results)


def _sequence(node: tree.Sequence, known: Known) -> Result:
    results = [evaluate(each, known) for each in node.arguments]
    found = next((each for each in results if has_numbers(each)), None)
    if node.function == "is_present":
        return single(float(found is not None))
    return found or results[0]


def _labelled(result: Result, argument: Node) -> Result:
    """The result, with an error when it has no labels; its kind and rows stay."""
    if result.is_labelled:
        return result
    message = f"The result of expression [{text_of(argument)}] is not a labeled result."
    return replace(result, error=message)


def _aggregate_labels(node: tree.AggregateLabels, known: Known) -> Result:
    result = evaluate(node.argument, known)
    if result.error:
        return result
    result = _labelled(result, node.argument)
    return (
        result if result.error else aggregate.aggregate_labels(node.function, node.labels, result)
    )


def _relabels(node: tree.Relabels, known: Known) -> Result:
    result = _labelled(evaluate(node.argument, known), node.argument)
    if not result.is_labelled:
        return result
    old, new = _parts(node.label), _parts(node.replacement)
    if not (old and new):
        return result
    if len(old) != len(new):
        message = (
            f"Target label [{node.label[0]}]: the number of relabel values "
            "is not equal to the number of replace label."
        )
        return replace(result, error=message)
    changes = dict(zip(old, new, strict=True))
    rows = (
        replace(row, labels=tuple(changes.get(label, label) for label in row.labels))
        for row in result.rows
    )
    return replace(result, rows=tuple(rows))


def _parts(label: tree.Label) -> list[tree.Label]:
    """Each value between commas with the label's name; none for a blank text."""
    name, text = label
    if not text.strip():
        return []
    values = text.rstrip(",").split(",") if text.find(",") > 0 else [text]
    return [(name, value) for value in values]


def _sort_values(node: tree.SortValues, known: Known) -> Result:
    return aggregate.sort_values(node.order, node.limit, evaluate(node.argument, known))


def _sort_label_values(node: tree.SortLabelValues, known: Known) -> Result:
    return aggregate.sort_label_values(node.order, node.labels, evaluate(node.argument, known))


EVALUATORS: Mapping[type, Callable[..., Result]] = {
    tree.Number: _number,
    tree.MetricRef: _metric,
    tree.Parentheses: _parentheses,
    tree.Binary: _binary,
    tree.Aggregate: _aggregate,
    tree.Rounding: _rounding,
    tree.Trend: _trend,
    tree.Baseline: _baseline,
    tree.TopN: _top_n,
    tree.TopNOf: _top_n_of,
    tree.Sequence: _sequence,
    tree.AggregateLabels: _aggregate_labels,
    tree.Relabels: _relabels,
    tree.SortValues: _sort_values,
    tree.SortLabelValues: _sort_label_values,
}
