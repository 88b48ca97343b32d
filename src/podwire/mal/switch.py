"""
Rules that change while they run: each collection is seen by the old ones or the new, by its time.

In: an analyzer, later another one with the minute from which it counts.  Out: one `Analysis` of
what both make. No sample is lost or counted twice, and no minute is a mixture of two rules.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from podwire.mal.analyzer import Analysis, Analyzer

MINUTE_MS = 60_000
LATE_MS = 120_000
"""So long after the switch the old rules still get what is older than it; then they are gone."""


@dataclass(frozen=True, slots=True)
class _Rules:
    now: Analyzer
    after: Analyzer | None = None
    from_ms: int = 0


class Switching:
    """Satisfies the receiver's analyzer; `switch` may be called from another thread."""

    def __init__(
        self,
        analyzer: Analyzer,
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self._rules = _Rules(analyzer)
        self._now_ms = now_ms

    @property
    def newest(self) -> Analyzer:
        """The rules that are in use, or will be."""
        return self._rules.after or self._rules.now

    def switch(self, analyzer: Analyzer) -> int:
        """Use other rules from the next minute on; when that begins."""
        from_ms = (self._now_ms() // MINUTE_MS + 1) * MINUTE_MS
        rules = self._rules
        is_over = rules.after is not None and rules.from_ms < from_ms
        before = rules.after if is_over and rules.after else rules.now
        self._rules = _Rules(before, analyzer, from_ms)
        return from_ms

    def admit(self, messages: Sequence[bytes], *, since_ms: int, until_ms: int) -> Analysis:
        """As `Analyzer.admit`, each message by the rules of its time."""
        rules = self._rules
        if rules.after is not None and self._now_ms() > rules.from_ms + LATE_MS:
            rules = self._rules = _Rules(rules.after)
        if rules.after is None:
            return rules.now.admit(messages, since_ms=since_ms, until_ms=until_ms)
        last_ms = min(until_ms, rules.from_ms - 1)
        first_ms = max(since_ms, rules.from_ms)
        old = rules.now.admit(messages, since_ms=since_ms, until_ms=last_ms)
        new = rules.after.admit(messages, since_ms=first_ms, until_ms=until_ms)
        return _together(old, new, len(messages))


TIME, MALFORMED = "meter_refused_time_total", "meter_refused_malformed_total"


def _together(old: Analysis, new: Analysis, count: int) -> Analysis:
    """Both saw every message: what is malformed is counted once, what one refused is not lost."""
    tally = Counter(old.tally) + Counter(new.tally)
    malformed = old.tally.get(MALFORMED, 0)
    tally[MALFORMED] = malformed
    tally[TIME] -= count - malformed
    return Analysis(
        [*old.pieces, *new.pieces],
        tuple(dict.fromkeys((*old.relations, *new.relations))),
        tuple(dict.fromkeys((*old.virtual, *new.virtual))),
        tally,
        old.unreadable,
    )
