"""How minutes become values, worked out by hand from SkyWalking's rules."""

import math

import pytest

from podwire.model.metric import Function, Metric, Side
from podwire.model.topology import Point
from podwire.query.duration import Buckets
from podwire.query.mqe.text import number
from podwire.query.mqe.value import rows

MINUTES = Buckets((0, 60, 120), 180, (1, 1, 1))
HOUR = Buckets((0,), 3600, (60,))


def point(minute_s: int, total: int, count: int = 0, **rest: object) -> Point:
    """What one side counted in a minute."""
    side, table = rest.get("side", Side.CLIENT), rest.get("table", {})
    counts = rest.get("counts", {})
    assert isinstance(side, Side)
    assert isinstance(table, dict)
    assert isinstance(counts, dict)
    return Point(minute_s, side, total, count, table, counts)


def values(metric: Metric, *points: Point, times: Buckets = MINUTES) -> dict[object, object]:
    """Values by labels."""
    return {
        each.labels: tuple(value.number for value in each.values)
        for each in rows(metric, points, times)
    }


AVERAGE = Metric("a", Function.AVG)
PER_MINUTE = Metric("c", Function.SUM_PER_MIN)
BY_CODE = Metric("s", Function.SUM_PER_MIN_LABELED)
PERCENTILE = Metric("p", Function.SUM_HISTOGRAM_PERCENTILE, (50, 90))


def test_an_average_is_cut_and_never_zero_by_cutting() -> None:
    """7/2 is 3, 1/2 is 1, and a minute without data has none."""
    assert {(): (3, 1, None)} == values(AVERAGE, point(0, 7, 2), point(60, 1, 2))


def test_an_hours_average_weighs_its_minutes() -> None:
    """(10 + 90) / (1 + 9), not the mean of 10 and 10."""
    assert {(): (10,)} == values(AVERAGE, point(0, 10, 1), point(60, 90, 9), times=HOUR)
    assert {(): (19,)} == values(AVERAGE, point(0, 100, 1), point(60, 90, 9), times=HOUR)


def test_a_sum_per_minute_is_divided_by_the_buckets_minutes() -> None:
    """Ninety in an hour are one a minute, cut."""
    assert {(): (90, None, None)} == values(PER_MINUTE, point(0, 90))
    assert {(): (1,)} == values(PER_MINUTE, point(0, 90), times=HOUR)


def test_labelled_sums_are_one_series_a_label() -> None:
    """Sorted by their text; without data there is no series at all."""
    found = values(BY_CODE, point(0, 0, table={"{code=500}": 1, "{code=200}": 5}))

    assert [(("code", "200"),), (("code", "500"),)] == list(found)
    assert {} == values(BY_CODE)


def test_a_percentile_is_the_bound_of_the_bucket_that_reaches_it() -> None:
    """Of ten values, five reach p50 in the first bucket and nine reach p90 in the second."""
    point_ = point(0, 0, table={"10": 5, "100": 4, "20": 0, "1000": 1})

    assert {(("p", "50"),): (10, None, None), (("p", "90"),): (100, None, None)} == values(
        PERCENTILE, point_
    )


def test_a_percentile_of_what_has_labels_keeps_them() -> None:
    """Each group has ranks of its own."""
    table = {"{code=200}:10": 1, "{code=500}:10": 0, "{code=500}:20": 2}

    assert {
        (("code", "200"), ("p", "50")): (10, None, None),
        (("code", "200"), ("p", "90")): (10, None, None),
        (("code", "500"), ("p", "50")): (20, None, None),
        (("code", "500"), ("p", "90")): (20, None, None),
    } == values(PERCENTILE, point(0, 0, table=table))


def test_a_percentile_of_averages_weighs_each_bucket_by_its_average() -> None:
    """Ten reports of 1 and one report of 2: bucket 10 weighs 1, bucket 20 weighs 2."""
    metric = Metric("p", Function.AVG_HISTOGRAM_PERCENTILE, (50,))
    found = point(0, 0, table={"10": 10, "20": 2}, counts={"10": 10, "20": 1})

    assert {(("p", "50"),): (20, None, None)} == values(metric, found)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Function.SUM, 12),
        (Function.LATEST, 5),
        (Function.MAX, 7),
        (Function.MIN, 0),
    ],
)
def test_an_hour_is_merged_from_its_minutes(function: Function, expected: int) -> None:
    """Also the greatest and the smallest, which SkyWalking keeps wrongly; the latest is last."""
    minutes = (point(0, 7), point(60, 0), point(120, 5))

    assert {(): (expected,)} == values(Metric("m", function), *minutes, times=HOUR)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Function.SUM_LABELED, {"a": 5, "b": 9}),
        (Function.MAX_LABELED, {"a": 3, "b": 9}),
        (Function.MIN_LABELED, {"a": 2, "b": 9}),
        (Function.LATEST_LABELED, {"a": 2}),
        (Function.AVG_LABELED, {"a": 1, "b": 4}),
    ],
)
def test_labelled_values_merge_key_by_key(function: Function, expected: dict[str, int]) -> None:
    """What came last replaces the whole table; an average is cut and has a count for each key."""
    first = point(0, 0, table={"{k=a}": 3, "{k=b}": 9}, counts={"{k=a}": 3, "{k=b}": 2})
    second = point(60, 0, table={"{k=a}": 2}, counts={"{k=a}": 1})
    found = values(Metric("m", function), first, second, times=HOUR)

    assert {(("k", key),): (value,) for key, value in expected.items()} == found


def test_a_label_may_hold_commas_and_equals() -> None:
    """Only a comma before a name and an equals sign parts labels; names come sorted."""
    found = values(BY_CODE, point(0, 0, table={"{uri=/a,b?c=1,2,code=200}": 1}))

    assert [(("code", "200"), ("uri", "/a,b?c=1,2"))] == list(found)


def test_a_histogram_is_no_series() -> None:
    """It is read as a heat map."""
    assert {(): (None, None, None)} == values(
        Metric("h", Function.SUM_HISTOGRAM), point(0, 0, table={"10": 1})
    )


def test_the_servers_count_is_preferred_and_never_added() -> None:
    """Where both ends counted, there is one truth; a bucket with one end shows that end."""
    both = (point(0, 4), point(0, 5, side=Side.SERVER), point(60, 3))

    assert {(): (5, 3, None)} == values(PER_MINUTE, *both)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1 / 3, "0.333"), (0.0005, "0"), (0.0015, "0.002"), (0.0025, "0.003"), (-0.0004, "-0"),
     (-0.0, "-0"), (math.inf, "∞"), (math.nan, "NaN"), (1e20, "100000000000000000000"),
     (1200.0, "1200"), (None, None)],
)  # fmt: skip
def test_numbers_are_written_as_java_writes_them(value: float | None, text: str | None) -> None:
    """The vectors were observed on a JDK 17."""
    assert text == number(value)
