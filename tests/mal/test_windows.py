"""Counters' windows against their definition, and their bounds."""

import heapq
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podwire.mal.step import window
from podwire.mal.step.window import Memory, Moment, Windows

SERIES = ("m", ())


class Definition:
    """The definition, word by word: a queue by time; what is popped is gone."""

    def __init__(self) -> None:
        self._queue: list[Moment] = []

    def before(self, now: Moment, range_ms: int) -> Moment:
        """The moment to compare with."""
        heapq.heappush(self._queue, now)
        mark_ms = now[0] - range_ms
        if self._queue[0][0] > mark_ms:
            return self._queue[0]
        popped = self._queue[0]
        while self._queue[0][0] < mark_ms:
            popped = heapq.heappop(self._queue)
        head = self._queue[0]
        return popped if mark_ms - popped[0] <= head[0] - mark_ms else head


moments = st.tuples(st.integers(0, 200).map(lambda s: s * 1000), st.integers(0, 9).map(float))


@given(st.lists(moments, min_size=1), st.integers(0, 150).map(lambda s: s * 1000))
def test_windows_choose_as_the_definition_says(found: list[Moment], range_ms: int) -> None:
    """Whatever comes, in whatever order, at whatever range."""
    definition, memory = Definition(), Memory()

    assert [definition.before(now, range_ms) for now in found] == [
        memory.before(SERIES, now, range_ms) for now in found
    ]


def test_windows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The series that was not seen for longest is forgotten first; what is forgotten counts."""
    monkeypatch.setattr(window, "SERIES_LIMIT", 2)
    losses: Counter[str] = Counter()
    memory = Windows().claim("rule", losses)
    for series, time_ms in (("a", 0), ("b", 1), ("a", 2), ("c", 3)):
        memory.previous((series, ()), (time_ms, 0.0))

    assert {"counter_forgotten": 1} == losses
    assert (2, 0.0) == memory.previous(("a", ()), (4, 0.0))
    assert (5, 0.0) == memory.previous(("b", ()), (5, 0.0))


def test_one_series_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A range of years does not keep every sample of years."""
    monkeypatch.setattr(window, "MOMENTS_LIMIT", 3)
    memory = Memory()
    year_ms = 365 * 86_400_000
    oldest = [memory.before(SERIES, (second, 0.0), year_ms)[0] for second in range(10)]

    assert [0, 0, 0, 1, 2, 3, 4, 5, 6, 7] == oldest


def test_equal_calls_have_memories_of_their_own_that_outlive_a_reload() -> None:
    """The second claim of a key is another memory; after a release the first is found again."""
    windows, losses = Windows(), Counter[str]()
    first, second = (windows.claim("m.irate()", losses) for _ in range(2))
    windows.release()

    assert first is not second
    assert [first, second] == [windows.claim("m.irate()", losses) for _ in range(2)]
    windows.release()
    windows.release()
    assert windows.claim("m.irate()", losses) is not first
