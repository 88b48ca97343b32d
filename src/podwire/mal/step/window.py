"""
Counters become increases: what a series was so long ago, remembered per rule, call and series.

In: samples as they come, late ones too.  Out: the sample to compare with.
Bounded: the series that was not seen for longest is forgotten first, and counted.
"""

import re
from bisect import insort
from collections import Counter, OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from podwire.mal.labels import Labels

Moment = tuple[int, float]
"""When, in milliseconds, and the counter's value then."""

Series = tuple[str, Labels]

SERIES_LIMIT = 100_000
MOMENTS_LIMIT = 10_000

DURATION = re.compile(
    r"([-+]?)P(?:([-+]?\d+)D)?"
    r"(?:T(?=[-+\d])(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?)(\d+)(?:[.,](\d{0,9}))?S)?)?",
    re.I | re.A,
)


def duration_ms(text: str) -> int:
    """
    An ISO-8601 duration in milliseconds. Raises `ValueError`.

    >>> duration_ms("PT1M"), duration_ms("p1dt2h"), duration_ms("PT0.5S")
    (60000, 93600000, 500)
    """
    match = DURATION.fullmatch(text)
    if match is None or text[-1] in "Pp":
        raise ValueError(f"no duration: {text!r}")
    sign, days, hours, minutes, minus, seconds, fraction = match.groups()
    part_ms = int(seconds or 0) * 1000 + int((fraction or "").ljust(3, "0")[:3])
    part_ms = -part_ms if minus == "-" else part_ms
    whole_s = int(days or 0) * 86_400 + int(hours or 0) * 3_600 + int(minutes or 0) * 60
    return (whole_s * 1000 + part_ms) * (-1 if sign == "-" else 1)


@dataclass(slots=True)
class Memory:
    """The moments of every series of one call."""

    losses: Counter[str] = field(default_factory=Counter)
    _moments: OrderedDict[Series, list[Moment]] = field(default_factory=OrderedDict)

    def before(self, series: Series, now: Moment, range_ms: int) -> Moment:
        """
        The moment closest to `range_ms` ago: the oldest there is while none is as old.

        What is older than the answer is forgotten, the answer too when a newer one is known.
        """
        moments = self._of(series)
        insort(moments, now)
        mark_ms = now[0] - range_ms
        if moments[0][0] > mark_ms:
            return moments[0]
        old = 0
        while moments[old][0] < mark_ms:
            old += 1
        oldest, newer = moments[max(old - 1, 0)], moments[old]
        del moments[:old]
        return oldest if mark_ms - oldest[0] <= newer[0] - mark_ms else newer

    def previous(self, series: Series, now: Moment) -> Moment:
        """The moment before this one, whatever its time; the first has only itself."""
        moments = self._of(series)
        before = moments[0] if moments else now
        moments[:] = [now]
        return before

    def _of(self, series: Series) -> list[Moment]:
        moments = self._moments.get(series)
        if moments is None:
            moments = self._moments[series] = []
            if len(self._moments) > SERIES_LIMIT:
                self._moments.popitem(last=False)
                self.losses["counter_forgotten"] += 1
        self._moments.move_to_end(series)
        if len(moments) >= MOMENTS_LIMIT:
            del moments[0]
            self.losses["counter_moment_forgotten"] += 1
        return moments


class Windows:
    """
    The memories of all calls, which outlive a reload of rules that keep their text.

    A claim says which rule a call is in; equal calls of one rule get one memory each.
    """

    def __init__(self) -> None:
        self._memories: dict[Hashable, Memory] = {}
        self._claimed: Counter[Hashable] = Counter()

    def claim(self, key: Hashable, losses: Counter[str]) -> Memory:
        """The memory of the next call with this key."""
        self._claimed[key] += 1
        memory = self._memories.setdefault((key, self._claimed[key]), Memory())
        memory.losses = losses
        return memory

    def release(self) -> None:
        """Let other plans claim the same memories, and forget those that nobody claims."""
        kept = {(key, n + 1) for key, count in self._claimed.items() for n in range(count)}
        self._memories = {key: each for key, each in self._memories.items() if key in kept}
        self._claimed.clear()
