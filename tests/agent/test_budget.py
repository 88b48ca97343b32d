"""What the agent gives up for its memory limit, and when it goes on."""

from podwire.agent.budget import Budget


class Waiting:
    """Reports that wait, played: so many."""

    def __init__(self, count: int) -> None:
        self.count = count

    def shed(self) -> int:
        given_up = (self.count + 1) // 2
        self.count -= given_up
        return given_up


def test_the_first_that_has_something_gives_up_half() -> None:
    """Samples go before collections, and everything before sampling pauses."""
    samples, collections = Waiting(1), Waiting(3)
    budget = Budget(100, lambda: 101)

    budget.keep((samples, collections))
    assert (0, 3) == (samples.count, collections.count)
    budget.keep((samples, collections))
    assert (0, 1) == (samples.count, collections.count)

    assert 3 == budget.shed
    assert not budget.is_paused


def test_sampling_pauses_when_nothing_waits_and_goes_on_with_room() -> None:
    """It resumes well below the limit, not at it; a pause is counted once."""
    taken_mb = iter([101, 101, 99, 90])
    budget = Budget(100, lambda: next(taken_mb))
    found = []
    for _ in range(4):
        budget.keep(())
        found.append(budget.is_paused)

    assert [True, True, True, False] == found
    assert 1 == budget.pauses


def test_within_its_limit_nothing_is_given_up() -> None:
    """However much waits."""
    waiting, budget = Waiting(9), Budget(100, lambda: 100)

    budget.keep((waiting,))

    assert (9, 0) == (waiting.count, budget.shed)
