"""
Counts of what was asked and how it was answered.

In: every GraphQL request.  Out: the status page and the Prometheus metrics; nothing is refused
silently.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Traffic:
    """Running totals since start; times in seconds."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._seconds = 0.0

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Around one request."""
        started_s = time.perf_counter()
        try:
            yield
        finally:
            self._counts["requests_total"] += 1
            self._seconds += time.perf_counter() - started_s

    def refused(self, reason: str) -> None:
        """A request that was no question: by size, content_type, json or shape."""
        self._counts[f"requests_refused_{reason}_total"] += 1

    def failed(self) -> None:
        """A question that was answered with an error."""
        self._counts["requests_with_errors_total"] += 1

    def statistics(self) -> Mapping[str, float]:
        """Every total by name."""
        return {**self._counts, "answering_seconds_total": self._seconds}
