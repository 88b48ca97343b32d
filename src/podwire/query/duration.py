"""
Stretches of time as SkyWalking's clients write them.

In: `Duration` input.  Out: buckets with their start in unix seconds. Texts are in the server's
time zone; both ends are included; at most 500 buckets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

FORMATS = {
    "SECOND": "%Y-%m-%d %H%M%S",
    "MINUTE": "%Y-%m-%d %H%M",
    "HOUR": "%Y-%m-%d %H",
    "DAY": "%Y-%m-%d",
    "MONTH": "%Y-%m",
}
SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400}
MOST_BUCKETS = 500


class DurationError(ValueError):
    """The stretch of time cannot be read; whoever asked must act."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Consecutive buckets: their starts, and where the last one ends, in unix seconds."""

    starts_s: tuple[int, ...]
    end_s: int
    minutes: tuple[int, ...]
    """Minutes in each bucket; 1 for buckets of a second."""

    @property
    def last_minute_s(self) -> int:
        """The start of the last minute inside."""
        return (self.end_s - 1) // 60 * 60

    @property
    def first_minute_s(self) -> int:
        """The start of the first minute inside."""
        return self.starts_s[0] // 60 * 60


def buckets(duration: Mapping[str, Any], steps_back: int = 0) -> Buckets:
    """The buckets of a `Duration` input and of some steps before it. Raises `DurationError`."""
    step = duration["step"]
    start, end = _parse(duration["start"], step), _parse(duration["end"], step)
    if end < start:
        raise DurationError("the duration ends before it starts")
    starts: list[datetime] = []
    current = start
    while current <= end:
        if len(starts) == MOST_BUCKETS:
            raise DurationError(
                f"the duration has more than {MOST_BUCKETS} points; choose a larger step"
            )
        starts.append(current)
        current = _moved(current, step, 1)
    before = [_moved(start, step, -back) for back in range(steps_back, 0, -1)]
    edges_s = [int(each.astimezone().timestamp()) for each in (*before, *starts, current)]
    minutes = [max(1, (after - before) // 60) for before, after in pairwise(edges_s)]
    return Buckets(tuple(edges_s[:-1]), edges_s[-1], tuple(minutes))


def _parse(text: str, step: str) -> datetime:
    try:
        return datetime.strptime(text, FORMATS[step])
    except ValueError as error:
        example = datetime(2026, 1, 31, 23, 59, 58).strftime(FORMATS[step])
        raise DurationError(
            f"{text!r} is not a time of step {step}; write it like {example!r}"
        ) from error


def _moved(start: datetime, step: str, steps: int) -> datetime:
    """So many steps later, or earlier. Raises `DurationError` beyond the calendar."""
    try:
        if step == "MONTH":
            years, month = divmod(start.year * 12 + start.month - 1 + steps, 12)
            return start.replace(year=years, month=month + 1, day=1)
        return start + timedelta(seconds=SECONDS[step]) * steps
    except (OverflowError, ValueError) as error:
        raise DurationError("the duration leaves the calendar") from error
