"""
The functions of the language, as one table: what each takes and how it is planned.

In: a checked call.  Out: a transform, which turns the family before the dot into the one after.
Adding a function is adding a row.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np

from podwire.mal import closure, family
from podwire.mal.family import Family
from podwire.mal.labels import (
    BOUND,
    BOUND_MASK,
    FAILED,
    NO_BOUND,
    Ids,
    Labels,
    LabelTable,
    Relabel,
    project,
    without_bound,
)
from podwire.mal.processes import Processes
from podwire.mal.text import syntax
from podwire.mal.weight import weights_of

Batch = Mapping[str, Family]
"""The families of one collection by metric name; an absent one reads as EMPTY (None)."""

Step = Callable[[Batch], Family | None]
Transform = Callable[[Family, Batch], Family | None]


@dataclass(frozen=True, slots=True)
class World:
    """What plans share: numbered label sets, the processes that rules name, counted losses."""

    table: LabelTable
    processes: Processes
    losses: Counter[str]


class Parameter(StrEnum):
    """What an argument must be."""

    TEXT = "a text"
    TEXTS = "a list of texts"
    NUMBERS = "a list of numbers"
    DOWNSAMPLING = "AVG, SUM or SUM_PER_MIN"
    CLOSURE = "a closure of two parameters"
    FAMILY = "a metric"


class Role(StrEnum):
    """What a call says about the rule as a whole."""

    NONE = ""
    AGGREGATION = "its first list names the labels that remain"
    DOWNSAMPLING = "how a minute's values merge"
    HISTOGRAM = "buckets"
    RANKS = "percentiles"
    SCOPE = "what the metric is a metric of"
    WEIGHT = "values are sums, to be divided by their weights"


Plan = Callable[[syntax.Call, World, tuple[Step, ...]], Transform]


@dataclass(frozen=True, slots=True)
class Function:
    """A row of the table; `optional` of the last parameters may be left out."""

    parameters: tuple[Parameter, ...]
    plan: Plan
    role: Role = Role.NONE
    optional: int = 0


def _texts(call: syntax.Call, at: int) -> tuple[str, ...]:
    argument = call.arguments[at]
    return argument.items if isinstance(argument, syntax.Texts) else ()


def plan_nothing(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """For calls that only say something about the rule."""
    del call, world, steps
    return lambda before, _batch: before


def plan_sum(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """Labels shrink to those named; samples that become equal add up."""
    del steps
    by = _texts(call, 0)
    groups = project_to(world.table, by)
    return lambda before, _batch: family.add_up(before, groups(before.ids))


def project_to(table: LabelTable, by: tuple[str, ...]) -> Relabel:
    """The column form of `labels.project`."""
    plain = tuple(label for label in by if label != BOUND)
    shrink = table.relabel(("by", plain), partial(project, plain))
    if BOUND not in by:
        return lambda ids: shrink(without_bound(ids))

    def shrink_buckets(ids: Ids) -> Ids:
        shrunk = shrink(ids)
        return np.where(ids & BOUND_MASK == NO_BOUND, shrunk | table.bound(""), shrunk)

    return shrink_buckets


def plan_for_each(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """A closure rewrites the labels, once per element of the list."""
    del steps
    elements, body = _texts(call, 0), call.arguments[1]
    if not isinstance(body, syntax.Closure):
        raise TypeError(body)
    function = partial(closure.for_each, elements, body, world.processes)
    seeing = closure.may_touch(BOUND, elements, body)
    column = world.table.relabel_seeing if seeing else world.table.relabel
    return _relabelled(column(call.arguments, function), world)


def _relabelled(relabel: Relabel, world: World) -> Transform:
    def transform(before: Family, _batch: Batch) -> Family | None:
        ids = relabel(before.ids)
        world.losses["labels_refused"] += int((ids == FAILED).sum())
        return family.with_ids(before, ids)

    return transform


def plan_histogram(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """Bucket bounds become whole numbers in the label `le`; the values stay."""
    del steps
    match call.arguments:
        case (syntax.Text(key),) if key != BOUND:
            function = partial(bound_from, key)
            return _relabelled(world.table.relabel_seeing(("histogram", key), function), world)
        case _:
            return _relabelled(world.table.rebound("histogram", truncate_bound), world)


def bound_from(key: str, labels: Labels) -> Labels | None:
    """
    The number in label `key` becomes the bound.

    >>> bound_from("size", (("size", "1.5"), ("side", "client")))
    (('side', 'client'), ('le', '1'))
    """
    values = dict(labels)
    if key not in values:
        return labels
    text = truncate_bound(values.pop(key))
    return None if text is None or BOUND in values else (*values.items(), (BOUND, text))


def truncate_bound(text: str) -> str | None:
    """
    A bound as a whole number, as Java casts it; None for what is no number.

    >>> [truncate_bound(text) for text in ("10000.9", "1.0E7", "Infinity", "+Inf.")]
    ['10000', '10000000', '9223372036854775807', None]
    """
    try:
        bound = float(text)
    except ValueError:
        return None
    if bound != bound:
        return None
    return str(min(int(max(-(2.0**63), min(bound, 2.0**63))), family.LONG_MAX))


def plan_weight(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """Values become value times weight, and their weights travel with them into sum and avg."""
    del call

    def weigh(before: Family, batch: Batch) -> Family | None:
        return family.weigh(before, weights_of(world.table, before, steps[0](batch)))

    return weigh


P = Parameter

FUNCTIONS: Mapping[str, Function] = {
    "downsampling": Function((P.DOWNSAMPLING,), plan_nothing, Role.DOWNSAMPLING),
    "forEach": Function((P.TEXTS, P.CLOSURE), plan_for_each),
    "histogram": Function((P.TEXT,), plan_histogram, Role.HISTOGRAM, optional=1),
    "histogram_percentile": Function((P.NUMBERS,), plan_nothing, Role.RANKS),
    "podwire::weight": Function((P.FAMILY,), plan_weight, Role.WEIGHT),
    "processRelation": Function(
        (P.TEXT, P.TEXTS, P.TEXTS, P.TEXT, P.TEXT, P.TEXT), plan_nothing, Role.SCOPE
    ),
    "sum": Function((P.TEXTS,), plan_sum, Role.AGGREGATION),
}
