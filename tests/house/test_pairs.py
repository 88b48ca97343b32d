"""Runs with and without, in turn, and what they are worth."""

from collections.abc import Iterator

from bench.pairs import Comparison, Run, compare


def test_runs_alternate_and_each_pair_swaps_its_order() -> None:
    """What drifts hits both sides alike; the last state is off."""
    states: list[bool] = []
    values: Iterator[float] = iter(range(1, 100))

    def measure() -> Run:
        return {"figure": float(next(values))}

    found = compare(measure, states.append, 2)

    assert [False, True, True, False, False] == states
    assert Comparison((2.0, 5.0), (3.0, 4.0)) == found["figure"]


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    """One run that was disturbed does not move it, and the interval holds it."""
    comparison = Comparison((100.0, 100.0, 100.0, 100.0, 100.0), (98.0, 97.0, 99.0, 98.0, 5.0))

    low, high = comparison.interval

    assert (100.0, 98.0) == comparison.medians()
    assert 0.98 == comparison.ratio
    assert 0.05 <= low <= 0.98 <= high <= 0.99
