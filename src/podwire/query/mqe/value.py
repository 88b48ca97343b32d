"""
Merged minutes become values.

In: the points of one metric, how it merges, the buckets of time.  Out: series, one value or None a
bucket. Where both sides of an edge counted, the server's numbers are taken and never added to the
client's. The arithmetic is SkyWalking's, on whole numbers.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from podwire.model.metric import Function, Metric, Side
from podwire.model.topology import Point
from podwire.query.duration import Buckets

Labels = tuple[tuple[str, str], ...]
Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Values by bucket, under one set of labels."""

    labels: Labels
    values: Values


@dataclass(slots=True)
class _Sum:
    total: int = 0
    count: int = 0
    table: Counter[str] = field(default_factory=Counter)


Labelled = dict[Labels, float]


def series(metric: Metric, points: Sequence[Point], times: Buckets) -> list[Series]:
    """Every series of a metric, by label; without data an unlabelled one is there and empty."""
    found: dict[Labels, list[float | None]] = {}
    is_labelled = metric.function in LABELLED
    if not is_labelled:
        found[()] = [None] * len(times.starts_s)
    for index, merged in _merge(points, times).items():
        for labels, value in VALUES[metric.function](metric, merged, times.minutes[index]).items():
            row = found.setdefault(labels, [None] * len(times.starts_s))
            row[index] = value
    return [Series(labels, tuple(row)) for labels, row in sorted(found.items(), key=_order)]


def _order(item: tuple[Labels, object]) -> str:
    return "{" + ",".join(f"{key}={value}" for key, value in item[0]) + "}"


def _merge(points: Sequence[Point], times: Buckets) -> dict[int, _Sum]:
    sides: dict[int, dict[Side, _Sum]] = {}
    for point in points:
        index = bisect_right(times.starts_s, point.minute_s) - 1
        index = max(index, 0)  # buckets of seconds begin inside the minute
        merged = sides.setdefault(index, {}).setdefault(point.side, _Sum())
        merged.total += point.total
        merged.count += point.count
        merged.table.update(point.table)
    return {index: found.get(Side.SERVER) or found[Side.CLIENT] for index, found in sides.items()}


def _average(metric: Metric, merged: _Sum, minutes: int) -> Labelled:
    del metric, minutes
    if not merged.count:
        return {}
    average = merged.total // merged.count
    return {(): 1 if average == 0 and merged.total > 0 else average}


def _sum(metric: Metric, merged: _Sum, minutes: int) -> Labelled:
    del metric, minutes
    return {(): merged.total}


def _per_minute(metric: Metric, merged: _Sum, minutes: int) -> Labelled:
    del metric
    return {(): merged.total // minutes}


def _per_minute_labelled(metric: Metric, merged: _Sum, minutes: int) -> Labelled:
    del metric
    return {_labels(key): value // minutes for key, value in merged.table.items()}


def _labels(key: str) -> Labels:
    """`{code=200}` in pairs."""
    pairs = (each.partition("=") for each in key.strip("{}").split(","))
    return tuple((name, value) for name, _, value in pairs)


def _percentiles(metric: Metric, merged: _Sum, minutes: int) -> Labelled:
    """For each rank the bound of the first bucket at which so many values are reached."""
    del minutes
    counts = sorted((float(bound), count) for bound, count in merged.table.items())
    total = sum(count for _, count in counts)
    return {(("p", str(rank)),): _percentile(counts, total, rank) for rank in metric.ranks}


def _percentile(counts: Sequence[tuple[float, int]], total: int, rank: int) -> float:
    if total <= 0:
        return 0
    needed = (total * rank + 50) // 100
    seen = 0
    for bound, count in counts:
        seen += count
        if seen >= needed:
            return bound
    return counts[-1][0]


VALUES: Mapping[Function, Callable[[Metric, _Sum, int], Labelled]] = {
    Function.AVG: _average,
    Function.SUM: _sum,
    Function.SUM_PER_MIN: _per_minute,
    Function.SUM_PER_MIN_LABELED: _per_minute_labelled,
    Function.SUM_HISTOGRAM_PERCENTILE: _percentiles,
}
LABELLED = {Function.SUM_PER_MIN_LABELED, Function.SUM_HISTOGRAM_PERCENTILE}
