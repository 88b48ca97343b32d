"""
Merged minutes become values.

In: the points of one metric, how it merges, the buckets of time.  Out: rows, one value or none a
bucket. Hours and days are merged from their minutes, never averaged from averages. Where both
sides of an edge counted, the server's numbers are taken and never added to the client's. The
arithmetic is SkyWalking's, on whole numbers.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from podwire.model.metric import COMBINE, MERGES, Function, Merge, Metric, Side
from podwire.model.topology import Point
from podwire.query.duration import Buckets
from podwire.query.mqe.result import Labels, Row, Value

PREFERRED = (Side.SERVER, Side.CLIENT, Side.NONE)

LABELLED = frozenset(
    each for each in Function if each.value.endswith(("Labeled", "HistogramPercentile"))
)
HISTOGRAMS = frozenset({Function.AVG_HISTOGRAM, Function.SUM_HISTOGRAM})


@dataclass(slots=True)
class Merged:
    """Several minutes of one side as one."""

    merge: Merge
    total: int | None = None
    count: int = 0
    table: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, point: Point) -> None:
        """Take in a minute; minutes come in order, so that the last is the latest."""
        if self.merge is Merge.LATEST:
            self.total, self.table = point.total, dict(point.table)
            return
        combine = COMBINE[self.merge]
        self.total = point.total if self.total is None else combine(self.total, point.total)
        self.count += point.count
        for key, value in point.table.items():
            self.table[key] = combine(self.table[key], value) if key in self.table else value
        for key, value in point.counts.items():
            self.counts[key] = self.counts.get(key, 0) + value


Numbers = dict[str, float]
"""Values by the text of their labels; `{}` where there are none."""

PLAIN = "{}"


def rows(metric: Metric, points: Sequence[Point], times: Buckets) -> tuple[Row, ...]:
    """Every row of a metric, by label; without data an unlabelled one is there and empty."""
    found: dict[str, list[float | None]] = {}
    if metric.function not in LABELLED:
        found[PLAIN] = [None] * len(times.starts_s)
    for index, merged in merge(metric, points, times).items():
        for key, number in VALUES[metric.function](metric, merged, times.minutes[index]).items():
            column = found.setdefault(key, [None] * len(times.starts_s))
            column[index] = float(number)
    ids = [str(start_s * 1000) for start_s in times.starts_s]
    return tuple(
        Row(labels(key), tuple(map(Value, column, ids))) for key, column in sorted(found.items())
    )


def merge(metric: Metric, points: Sequence[Point], times: Buckets) -> dict[int, Merged]:
    """What each bucket holds, by its index; a bucket without data is not there."""
    sides: dict[int, dict[Side, Merged]] = {}
    for point in points:
        index = bisect_right(times.starts_s, point.minute_s) - 1
        index = max(index, 0)  # buckets of seconds begin inside the minute
        by_side = sides.setdefault(index, {})
        by_side.setdefault(point.side, Merged(MERGES[metric.function])).add(point)
    return {
        index: next(found[side] for side in PREFERRED if side in found)
        for index, found in sides.items()
    }


def labels(key: str) -> Labels:
    """
    The pairs in a key's text, by name.

    >>> labels("{zone=a,b,code=200}")
    (('code', '200'), ('zone', 'a,b'))
    """
    parts = re.split(r",(?=[A-Za-z_]\w*=)", key.strip("{}")) if key != PLAIN else []
    pairs = (part.partition("=") for part in parts if part)
    return tuple(sorted((name, value) for name, _, value in pairs))


def _mean(total: int, count: int) -> int:
    """Cut, and never zero by cutting."""
    average = abs(total) // count * (1 if total >= 0 else -1)
    return 1 if average == 0 and total > 0 else average


def _average(metric: Metric, merged: Merged, minutes: int) -> Numbers:
    del metric, minutes
    return {PLAIN: _mean(merged.total or 0, merged.count)} if merged.count else {}


def _total(metric: Metric, merged: Merged, minutes: int) -> Numbers:
    del metric, minutes
    return {PLAIN: merged.total or 0}


def _per_minute(metric: Metric, merged: Merged, minutes: int) -> Numbers:
    del metric
    return {PLAIN: (merged.total or 0) // minutes}


def _averages(metric: Metric, merged: Merged, minutes: int) -> Numbers:
    del metric, minutes
    return {
        key: _mean(merged.table.get(key, 0), count) for key, count in merged.counts.items() if count
    }


def _table(metric: Metric, merged: Merged, minutes: int) -> Numbers:
    del metric, minutes
    return dict(merged.table)


def _table_per_minute(metric: Metric, merged: Merged, minutes: int) -> Numbers:
    del metric
    return {key: value // minutes for key, value in merged.table.items()}


def _nothing(metric: Metric, merged: Merged, minutes: int) -> Numbers:
    """A histogram is read as a heat map."""
    del metric, merged, minutes
    return {}


def _percentiles(metric: Metric, merged: Merged, minutes: int) -> Numbers:
    """For each rank the bound of the first bucket at which so many values are reached."""
    if metric.function is Function.AVG_HISTOGRAM_PERCENTILE:
        table: Mapping[str, float] = _averages(metric, merged, minutes)
    else:
        table = merged.table
    groups: dict[str, list[tuple[float, float]]] = {}
    for key, count in table.items():
        group, _, bound = key.rpartition(":")
        groups.setdefault(group, []).append((number_of_bound(bound), count))
    return {
        _ranked(group, rank): _percentile(sorted(counts), rank)
        for group, counts in groups.items()
        for rank in metric.ranks
    }


def _ranked(group: str, rank: int) -> str:
    """The labels of a percentile: those of its group, then the rank."""
    inside = group.strip("{}")
    return f"{{{inside},p={rank}}}" if inside else f"{{p={rank}}}"


def number_of_bound(text: str) -> float:
    """
    A bucket's bound; negative infinity has three spellings.

    >>> number_of_bound("10000"), number_of_bound("infinite-")
    (10000.0, -inf)
    """
    if text in ("infinite-", "-9223372036854775808"):
        return -math.inf
    return float(text)


def _percentile(counts: Sequence[tuple[float, float]], rank: int) -> float:
    total = int(sum(count for _, count in counts))
    if total <= 0:
        return 0
    needed = (total * rank + 50) // 100
    seen = 0.0
    for bound, count in counts:
        seen += count
        if seen >= needed:
            return bound
    return counts[-1][0]


VALUES: Mapping[Function, Callable[[Metric, Merged, int], Numbers]] = {
    Function.AVG: _average,
    Function.SUM: _total,
    Function.LATEST: _total,
    Function.MAX: _total,
    Function.MIN: _total,
    Function.SUM_PER_MIN: _per_minute,
    Function.AVG_LABELED: _averages,
    Function.SUM_LABELED: _table,
    Function.LATEST_LABELED: _table,
    Function.MAX_LABELED: _table,
    Function.MIN_LABELED: _table,
    Function.SUM_PER_MIN_LABELED: _table_per_minute,
    Function.AVG_HISTOGRAM: _nothing,
    Function.SUM_HISTOGRAM: _nothing,
    Function.AVG_HISTOGRAM_PERCENTILE: _percentiles,
    Function.SUM_HISTOGRAM_PERCENTILE: _percentiles,
}
