"""Which times a backend takes: what is older or from the future has a clock that is wrong."""

OLDEST_MS = 24 * 3600 * 1000
"""Reports older than a day are refused."""

NEWEST_MS = 3600 * 1000
"""Reports from more than an hour ahead are refused: their sender's clock is wrong."""


def is_timely(timestamp_ms: int, now_ms: int) -> bool:
    """Whether a report of this time is taken now."""
    return -NEWEST_MS <= now_ms - timestamp_ms <= OLDEST_MS
