"""
Counts of what was admitted and what was refused, by reason.

In: every receiver.  Out: the status page, and a line in the log now and then; nothing is refused
silently, and no flood of bad input becomes a flood of lines.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

SAY_EVERY_S = 60.0
"""A reason for refusing is logged so often at most."""


class Tally:
    """Running totals since start, one number a name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts: Counter[str] = Counter()
        self._clock = clock
        self._said_s: dict[str, float] = {}

    def add(self, name: str, count: int = 1) -> None:
        """Count something; names are `<what>_total` or `<what>_refused_<reason>_total`."""
        self._counts[name] += count

    def refuse(self, name: str, why: str, *, fault: Exception | None = None) -> None:
        """
        Count something that was refused; the first of a minute is logged with its reason.

        `fault` is an error of our own, shown with where it happened.
        """
        self.add(name)
        now_s = self._clock()
        if now_s - self._said_s.get(name, -SAY_EVERY_S) >= SAY_EVERY_S:
            self._said_s[name] = now_s
            log.warning("%s (%s: %d so far)", why, name, self._counts[name], exc_info=fault)

    def statistics(self) -> Mapping[str, int]:
        """Every total by name."""
        return dict(self._counts)
