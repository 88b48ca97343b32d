"""Partials merge: what storage, minutes and replicas rely on."""

from functools import reduce
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podwire.model.metric import AVERAGES, MERGES, Function, Merge, Partial, Side, merged

numbers = st.integers(0, 2**63 - 1)
tables = st.dictionaries(st.sampled_from(["{code=200}", "{code=500}", "10"]), numbers)


def partials(merge: Merge) -> st.SearchStrategy[Partial]:
    """Partials of one metric, entity, side and minute."""
    times = numbers if merge is Merge.LATEST else st.just(0)
    fixed = (st.just("m"), st.just("e"), st.just(Side.NONE), st.just(60))
    return st.builds(
        Partial, *fixed, numbers, st.just(0), tables, merge=st.just(merge), time_ms=times
    )


@pytest.mark.parametrize("merge", Merge)
@given(data=st.data(), random=st.randoms(use_true_random=False))
def test_order_and_grouping_do_not_matter(
    merge: Merge, data: st.DataObject, random: Random
) -> None:
    """However partials arrive, and in whatever groups, they come to the same."""
    found = data.draw(st.lists(partials(merge), min_size=1, max_size=6))
    shuffled = random.sample(found, len(found))
    cut = random.randrange(len(found))
    groups = [group for group in (shuffled[:cut], shuffled[cut:]) if group]

    assert reduce(merged, found) == reduce(merged, (reduce(merged, group) for group in groups))


def test_labels_and_counts_of_both_stay() -> None:
    """A label that only one of them has is kept with its number and its count."""
    one = Partial("m", "e", Side.NONE, 60, table={"{a=1}": 4}, counts={"{a=1}": 2})
    other = Partial("m", "e", Side.NONE, 60, table={"{a=1}": 1, "{a=2}": 7}, counts={"{a=1}": 1})

    assert {"{a=1}": 5, "{a=2}": 7} == merged(one, other).table
    assert {"{a=1}": 3} == merged(one, other).counts


@pytest.mark.parametrize(("merge", "total"), [(Merge.MAX, 9), (Merge.MIN, 2), (Merge.ADD, 11)])
def test_extremes_are_extremes_of_both(merge: Merge, total: int) -> None:
    """The greater of two maxima, the lesser of two minima, the sum of two sums."""
    one, other = (Partial("m", "e", Side.NONE, 60, each, merge=merge) for each in (2, 9))

    assert total == merged(one, other).total


def test_the_later_value_stays_however_it_arrives() -> None:
    """The latest is the latest by its own time, not by when it came."""
    late, early = (
        Partial("m", "e", Side.NONE, 60, value, merge=Merge.LATEST, time_ms=time_ms)
        for value, time_ms in ((1, 90_000), (5, 61_000))
    )

    assert (late, late) == (merged(late, early), merged(early, late))


def test_functions_say_how_they_merge() -> None:
    """Only max, min and latest do not add; only averages carry counts."""
    assert {"max", "maxLabeled", "min", "minLabeled", "latest", "latestLabeled"} == {
        function.value for function, merge in MERGES.items() if merge is not Merge.ADD
    }
    assert len(Function) == 16
    assert {"avg", "avgLabeled", "avgHistogram", "avgHistogramPercentile"} == set(AVERAGES)
