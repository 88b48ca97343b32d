"""
What MAL makes of meters: mergeable partials, ready for storage.

In: `mal`.  Out: `storage`, which merges them in any order, and `query`, which reads them back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Function(StrEnum):
    """How partials of a metric merge and what their value is (SkyWalking's meter functions)."""

    AVG = "avg"
    SUM = "sum"
    SUM_PER_MIN = "sumPerMin"
    SUM_PER_MIN_LABELED = "sumPerMinLabeled"
    SUM_HISTOGRAM_PERCENTILE = "sumHistogramPercentile"


class Side(StrEnum):
    """Which end of an edge counted."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a rule defines: a name, how its partials merge, and its percentile ranks."""

    name: str
    function: Function
    ranks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Partial:
    """
    A mergeable piece of one metric of one edge in one minute.

    Merging adds every number, so order and grouping do not matter.
    """

    metric: str
    entity: str
    """Process relation id: source process id, a dash, destination process id."""

    side: Side
    minute_s: int
    """Unix time of the minute's start, in seconds, from the agent's timestamp."""

    total: int = 0
    count: int = 0
    """Number of values (or the sum of their weights) for averages."""

    table: Mapping[str, int] = field(default_factory=dict)
    """Labelled sums by `{code=200}`, or histogram counts by the bucket's bound, e.g. `10000`."""


@dataclass(frozen=True, slots=True)
class Relation:
    """An edge seen in one minute: who called whom in which instance over which component."""

    instance_id: str
    source: str
    target: str
    side: Side
    component: int
    minute_s: int
