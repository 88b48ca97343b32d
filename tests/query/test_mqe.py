"""MQE: what expressions mean, worked out by hand from SkyWalking's rules."""

import math

import pytest

from podwire.model.metric import Function, Metric, Side
from podwire.model.topology import Point
from podwire.query.duration import Buckets, DurationError, buckets
from podwire.query.mqe.evaluate import Result, evaluate
from podwire.query.mqe.parse import ExpressionError, parse
from podwire.query.mqe.text import number
from podwire.query.mqe.value import Series, series

MINUTES = Buckets((0, 60, 120), 180, (1, 1, 1))
HOUR = Buckets((0,), 3600, (60,))


def point(minute_s: int, total: int, count: int = 0, **rest: object) -> Point:
    """What one side counted in a minute."""
    side, table = rest.get("side", Side.CLIENT), rest.get("table", {})
    assert isinstance(side, Side)
    assert isinstance(table, dict)
    return Point(minute_s, side, total, count, table)


def values(metric: Metric, *points: Point, times: Buckets = MINUTES) -> dict[object, object]:
    """Values by labels."""
    return {each.labels: each.values for each in series(metric, points, times)}


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


def test_the_servers_count_is_preferred_and_never_added() -> None:
    """Where both ends counted, there is one truth; a bucket with one end shows that end."""
    both = (point(0, 4), point(0, 5, side=Side.SERVER), point(60, 3))

    assert {(): (5, 3, None)} == values(PER_MINUTE, *both)


KNOWN = {
    "m": (Series((), (1.0, None, 4.0)),),
    "n": (Series((), (2.0, 2.0, None)),),
    "l": (Series((("p", "50"),), (10.0, 20.0, None)), Series((("p", "99"),), (50.0, 60.0, 70.0))),
    "empty": (Series((), (None, None, None)),),
}


def run(expression: str) -> Result:
    """The value of an expression over `KNOWN`."""
    return evaluate(parse(expression), KNOWN)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m", (1, None, 4)),
        ("m + n", (3, None, None)),
        ("1 + m * 2", (3, None, 9)),
        ("(1 + m) * 2", (4, None, 10)),
        ("8 - m - 1", (6, None, 3)),
        ("m / 0", (math.inf, None, math.inf)),
        ("7 % m", (0, None, 3)),
    ],
)
def test_arithmetic_over_time(expression: str, expected: tuple[float | None, ...]) -> None:
    """Products before sums, from the left; what is missing stays missing."""
    assert Result(is_single=False, series=(Series((), expected),)) == run(expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("sum(m)", 5), ("avg(m)", 2.5), ("max(m)", 4), ("min(m)", 1), ("count(m)", 2),
     ("latest(n)", 2), ("sum(m) / count(m)", 2.5), ("sum(empty)", 0), ("3 * 2", 6)],
)  # fmt: skip
def test_aggregates_are_single_values(expression: str, expected: float) -> None:
    """Over the points that there are."""
    assert Result(is_single=True, series=(Series((), (expected,)),)) == run(expression)


def test_an_average_of_nothing_is_nothing() -> None:
    """Not zero."""
    assert () == run("avg(empty)").series


def test_labels_choose_series_and_alternatives() -> None:
    """A label's values are alternatives; one that no series has gives nothing."""
    assert [(("p", "99"),)] == [each.labels for each in run("l{p='99'}").series]
    assert 2 == len(run("l{p='50, 99'}").series)
    assert () == run("l{p='75'}").series


def test_an_unlabelled_series_meets_every_labelled_one() -> None:
    """As in `percentiles / 1000` with a series instead of the number."""
    assert {(("p", "50"),): (10, None, None), (("p", "99"),): (50, None, 280)} == {
        each.labels: each.values for each in run("l * m").series
    }


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("", "found the end at column 1"),
        ("m +", "found the end at column 4"),
        ("m n", "expected an operator, found 'n' at column 3"),
        ("m $ 2", r"unexpected '\$' at column 3"),
        ("nope(m)", "unknown function 'nope' at column 1; known are avg, count"),
        ("m{p=50}", "expected a quoted value, found '50' at column 5"),
        ("(" * 60 + "m", "too many parentheses"),
        ("avg(sum(m))", r"avg\(\) needs values over time"),
    ],
)
def test_a_mistake_has_its_column(expression: str, complaint: str) -> None:
    """Whoever wrote it finds the place."""
    with pytest.raises(ExpressionError, match=complaint):
        run(expression)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1 / 3, "0.333"), (0.0005, "0"), (0.0015, "0.002"), (0.0025, "0.003"), (-0.0004, "-0"),
     (-0.0, "-0"), (math.inf, "∞"), (math.nan, "NaN"), (1e20, "100000000000000000000"),
     (1200.0, "1200"), (None, None)],
)  # fmt: skip
def test_numbers_are_written_as_java_writes_them(value: float | None, text: str | None) -> None:
    """The vectors were observed on a JDK 17."""
    assert text == number(value)


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
