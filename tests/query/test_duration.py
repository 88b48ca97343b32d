"""Stretches of time in the server's zone: formats, ends, zones, and how long a bucket is."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from podwire.query.duration import DurationError, buckets

from .asking import Asking

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the zone of this process, and puts it back."""

    def put(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield put
    monkeypatch.undo()
    time.tzset()


def utc(*parts: int) -> int:
    """An instant."""
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc, arg-type]


def test_texts_are_in_the_servers_zone(zone: Callable[[str], None]) -> None:
    """Half hours included."""
    zone("IST-5:30")
    found = buckets({"start": "2026-11-24 1058", "end": "2026-11-24 1058", "step": "MINUTE"})

    assert (utc(2026, 11, 24, 5, 28),) == found.starts_s


async def test_clients_are_told_the_zone(ask: Asking, zone: Callable[[str], None]) -> None:
    """As a sign and four digits; between the two they can tell an instant."""
    query = "{ getTimeInfo { timezone currentTimestamp } }"
    for name, expected in (("IST-5:30", "+0530"), ("UTC0", "+0000"), ("PST8", "-0800")):
        zone(name)
        found = (await ask.data(query))["getTimeInfo"]
        assert {"timezone": expected, "currentTimestamp": ask.now_ms} == found


def test_a_day_is_as_long_as_it_is(zone: Callable[[str], None]) -> None:
    """When clocks change it has 23 or 25 hours, so that a rate a minute stays right."""
    zone(BERLIN)
    spring = buckets({"start": "2026-03-28", "end": "2026-03-29", "step": "DAY"})
    autumn = buckets({"start": "2026-10-25", "end": "2026-10-25", "step": "DAY"})

    assert (1440, 1380) == spring.minutes
    assert ((1500,), (utc(2026, 10, 24, 22),)) == (autumn.minutes, autumn.starts_s)


def test_no_instant_is_lost_or_twice_when_clocks_change(zone: Callable[[str], None]) -> None:
    """Hours follow each other without a gap; the one that is there twice is two hours long."""
    zone(BERLIN)
    autumn = buckets({"start": "2026-10-25 00", "end": "2026-10-25 04", "step": "HOUR"})
    spring = buckets({"start": "2026-03-29 00", "end": "2026-03-29 04", "step": "HOUR"})

    assert (60, 60, 120, 60, 60) == autumn.minutes
    assert (utc(2026, 3, 28, 23), utc(2026, 3, 29, 3)) == (spring.starts_s[0], spring.end_s)
    assert sorted(spring.starts_s) == list(spring.starts_s)


@pytest.mark.parametrize(
    ("start", "end", "step", "count", "minutes"),
    [
        ("2026-11-24 1058", "2026-11-24 1102", "MINUTE", 5, 1),
        ("2026-11-24 10", "2026-11-24 12", "HOUR", 3, 60),
        ("2026-11-24", "2026-11-24", "DAY", 1, 1440),
        ("2026-11", "2026-12", "MONTH", 2, 43200),
        ("2026-11-24 105800", "2026-11-24 105803", "SECOND", 4, 1),
    ],
)
def test_both_ends_of_a_duration_are_included(
    start: str, end: str, step: str, count: int, minutes: int
) -> None:
    """One bucket a step."""
    found = buckets({"start": start, "end": end, "step": step})

    assert (count, minutes) == (len(found.starts_s), found.minutes[0])


def test_steps_back_are_buckets_before_the_first() -> None:
    """For what looks back, months included; beyond the calendar there is nothing."""
    month = {"start": "2026-01", "end": "2026-02", "step": "MONTH"}

    assert 14 == len(buckets(month, 12).starts_s)
    assert buckets({**month, "start": "2025-01"}).starts_s == buckets(month, 12).starts_s
    with pytest.raises(DurationError, match="leaves the calendar"):
        buckets({"start": "0001-01", "end": "0001-02", "step": "MONTH"}, 1)


@pytest.mark.parametrize(
    ("start", "end", "step", "complaint"),
    [
        ("2026-11-24 1102", "2026-11-24 1058", "MINUTE", "ends before it starts"),
        ("2026-11-24", "2026-11-24 1058", "MINUTE", "write it like '2026-01-31 2359'"),
        ("2026-11-24 0000", "2026-11-25 0000", "MINUTE", "more than 500 points"),
    ],
)
def test_a_duration_that_cannot_be_is_refused(
    start: str, end: str, step: str, complaint: str
) -> None:
    """With what would be right."""
    with pytest.raises(DurationError, match=complaint):
        buckets({"start": start, "end": end, "step": step})
