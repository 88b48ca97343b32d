"""
What MAL makes of meters: mergeable partials, ready for storage.

In: `mal`.  Out: `storage`, which merges them in any order, and `query`, which reads them back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Function(StrEnum):
    """How partials of a metric merge and what their value is (SkyWalking's meter functions)."""

    AVG = "avg"
    SUM = "sum"
    SUM_PER_MIN = "sumPerMin"
    LATEST = "latest"
    MAX = "max"
    MIN = "min"
    AVG_LABELED = "avgLabeled"
    SUM_LABELED = "sumLabeled"
    SUM_PER_MIN_LABELED = "sumPerMinLabeled"
    LATEST_LABELED = "latestLabeled"
    MAX_LABELED = "maxLabeled"
    MIN_LABELED = "minLabeled"
    AVG_HISTOGRAM = "avgHistogram"
    SUM_HISTOGRAM = "sumHistogram"
    AVG_HISTOGRAM_PERCENTILE = "avgHistogramPercentile"
    SUM_HISTOGRAM_PERCENTILE = "sumHistogramPercentile"


class Scope(StrEnum):
    """What a metric is a metric of; the values are the wire's."""

    SERVICE = "SERVICE"
    SERVICE_INSTANCE = "SERVICE_INSTANCE"
    ENDPOINT = "ENDPOINT"
    PROCESS = "PROCESS"
    SERVICE_RELATION = "SERVICE_RELATION"
    SERVICE_INSTANCE_RELATION = "SERVICE_INSTANCE_RELATION"
    PROCESS_RELATION = "PROCESS_RELATION"


class Side(StrEnum):
    """Which end of an edge counted; what is no edge has none."""

    NONE = "none"
    CLIENT = "client"
    SERVER = "server"


ENDS = (Side.CLIENT, Side.SERVER)
"""The sides of an edge."""


class Merge(StrEnum):
    """What two partials of one metric, entity, side and minute come to."""

    ADD = "add"
    MAX = "max"
    MIN = "min"
    LATEST = "latest"


MERGES: Mapping[Function, Merge] = {
    each: next((merge for merge in Merge if each.value.startswith(merge.value)), Merge.ADD)
    for each in Function
}
"""How the partials of each function merge: `max`, `min` and `latest` say it in their names."""

AVERAGES = frozenset(each for each in Function if each.value.startswith("avg"))
"""Functions whose numbers come with how many values they are of."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a rule defines: a name, how its partials merge, its percentile ranks, its scope."""

    name: str
    function: Function
    ranks: tuple[int, ...] = ()
    scope: Scope = Scope.PROCESS_RELATION


@dataclass(frozen=True, slots=True)
class Partial:
    """
    A mergeable piece of one metric of one entity in one minute.

    `merged` puts two together; order and grouping do not matter.
    """

    metric: str
    entity: str
    """Id of what the metric is of (contract 4.6); of an edge: source id, a dash, target id."""

    side: Side
    minute_s: int
    """Unix time of the minute's start, in seconds, from the agent's timestamp."""

    total: int = 0
    """A sum, a maximum, a minimum or the latest value, by `merge`."""

    count: int = 0
    """Number of values (or the sum of their weights) for averages."""

    table: Mapping[str, int] = field(default_factory=dict)
    """The same as `total` by labels, `{code=200}`, or histogram counts by bound, e.g. `10000`."""

    counts: Mapping[str, int] = field(default_factory=dict)
    """As `count`, for the keys of `table`."""

    merge: Merge = Merge.ADD
    time_ms: int = 0
    """When the latest values are from; 0 for all that do not merge by time."""


def merged(one: Partial, other: Partial) -> Partial:
    """
    Two partials of the same metric, entity, side and minute as one.

    >>> worst = Partial("m", "e", Side.NONE, 60, 3, merge=Merge.MAX)
    >>> merged(worst, replace(worst, total=5)).total
    5
    """
    if one.merge is Merge.LATEST:
        return max(one, other, key=_recency)
    combine = COMBINE[one.merge]
    return replace(
        one,
        total=combine(one.total, other.total),
        count=_add(one.count, other.count),
        table=_union(combine, one.table, other.table),
        counts=_union(_add, one.counts, other.counts),
    )


LONG_MAX = 2**63 - 1


def _add(one: int, other: int) -> int:
    """A sum that stays where 64 bits end."""
    return min(one + other, LONG_MAX)


COMBINE: Mapping[Merge, Callable[[int, int], int]] = {
    Merge.ADD: _add,
    Merge.MAX: max,
    Merge.MIN: min,
}


def _union(
    combine: Callable[[int, int], int], one: Mapping[str, int], other: Mapping[str, int]
) -> Mapping[str, int]:
    both = {key: combine(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **both}


def _recency(partial: Partial) -> tuple[int, int, list[tuple[str, int]]]:
    """Of two values from the same instant the greater stands, whichever came first."""
    return partial.time_ms, partial.total, sorted(partial.table.items())


@dataclass(frozen=True, slots=True)
class Relation:
    """An edge seen in one minute: who called whom in which instance over which component."""

    instance_id: str
    source: str
    target: str
    side: Side
    component: int
    minute_s: int
