"""
The functions of the language, as one table: what each takes and how it is planned.

In: a checked call.  Out: a transform, which turns the family before the dot into the one after.
Adding a function is adding a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np

from podwire.mal import closure, family, syntax
from podwire.mal.family import Family
from podwire.mal.labels import Ids, Labels, LabelTable, project, restrict
from podwire.mal.processes import Processes

Batch = Mapping[str, Family]
"""The families of one collection by metric name; an absent one reads as EMPTY (None)."""

Step = Callable[[Batch], Family | None]
Transform = Callable[[Family, Batch], Family | None]


@dataclass(frozen=True, slots=True)
class World:
    """What plans share: the numbered label sets, and the processes that rules name."""

    table: LabelTable
    processes: Processes


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
    groups = world.table.relabel(("by", by), partial(project, by))
    return lambda before, _batch: family.add_up(before, groups(before.ids))


def plan_for_each(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """A closure rewrites the labels, once per element of the list."""
    del steps
    body = call.arguments[1]
    if not isinstance(body, syntax.Closure):
        raise TypeError(body)
    function = partial(closure.for_each, _texts(call, 0), body, world.processes)
    relabel = world.table.relabel(("forEach", call.arguments), function)
    return lambda before, _batch: family.with_ids(before, relabel(before.ids))


def plan_histogram(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """Bucket bounds become whole numbers in the label `le`; the values stay."""
    del steps
    key = argument.value if isinstance(argument := _first(call), syntax.Text) else "le"
    relabel = world.table.relabel(("histogram", key), partial(truncate_bound, key))
    return lambda before, _batch: family.with_ids(before, relabel(before.ids))


def _first(call: syntax.Call) -> syntax.Argument | None:
    return call.arguments[0] if call.arguments else None


def truncate_bound(key: str, labels: Labels) -> Labels | None:
    """
    The bound in label `key` as a whole number in label `le`.

    >>> truncate_bound("le", (("le", "10000.9"), ("side", "client")))
    (('le', '10000'), ('side', 'client'))
    """
    values = dict(labels)
    if key not in values:
        return labels
    if key != "le" and "le" in values:
        return None
    try:
        bound = float(values[key])
    except ValueError:
        return None
    if bound != bound:
        return None
    whole = int(max(-(2.0**63), min(bound, 2.0**63)))
    text = str(min(whole, family.LONG_MAX))
    return tuple(("le", text) if name == key else (name, value) for name, value in labels)


def plan_weight(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """Values become value times weight, and their weights travel with them into sum and avg."""
    del call
    table = world.table
    names = table.memo("names", lambda labels: tuple(name for name, _ in labels))

    def weigh(before: Family, batch: Batch) -> Family | None:
        counts = steps[0](batch)
        weights = np.zeros(len(before.ids))
        if counts is None:
            return family.weigh(before, weights)
        shapes = [names[identity] for identity in before.ids.tolist()]
        for by in set(shapes):
            same = np.fromiter((shape == by for shape in shapes), np.bool_, len(shapes))
            parts = table.relabel(("only", by), partial(restrict, by))(counts.ids)
            weights[same] = _totals(before.ids[same], parts, counts.values)
        return family.weigh(before, weights)

    return weigh


def _totals(wanted: Ids, keys: Ids, values: family.Column) -> family.Column:
    """For each wanted id the sum of the values under it; 0 when there is none."""
    known, place = np.unique(keys, return_inverse=True)
    totals = family.total(place, values)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, totals[at], 0.0)


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
