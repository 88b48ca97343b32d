"""
Counts of what was admitted and what was refused, by reason.

In: every receiver.  Out: the status page; nothing is refused silently.
"""

from collections import Counter
from collections.abc import Mapping


class Tally:
    """Running totals since start, one number a name."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        """Count something; names are `<what>_total` or `<what>_refused_<reason>_total`."""
        self._counts[name] += count

    def statistics(self) -> Mapping[str, int]:
        """Every total by name."""
        return dict(self._counts)
