"""
Meters: what an agent reports and MAL reads.

In: an agent's report, ours or a real Rover's.  Out: `mal`, one collection at a time.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Single:
    """One number."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by the lower bound of their bucket, in the order they came; not cumulative."""

    name: str
    labels: tuple[tuple[str, str], ...]
    buckets: tuple[tuple[float, int], ...]


Meter = Single | Histogram


@dataclass(frozen=True, slots=True)
class Collection:
    """The meters of one service instance at one instant: one input of every rule."""

    service: str
    instance: str
    timestamp_ms: int
    meters: tuple[Meter, ...]
