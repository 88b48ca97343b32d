"""
What an agent is told of a task, so that a real Rover never runs two tasks over one process.

Rover's rules (contract 1.5): it knows a run by its list of processes, refuses a list with a process
it does not know, and polls for what is newer than the newest update it has seen.
"""

from collections.abc import Iterable

from podwire.model.task import NetworkTask
from podwire.storage.hand_out import HandOut, to_tell

TASK = NetworkTask(
    task_id="t", service_id="s", instance_id="i", start_ms=0, duration_s=600, update_ms=1
)
LONGER = NetworkTask(
    task_id="t", service_id="s", instance_id="i", start_ms=0, duration_s=1200, update_ms=550_000
)


class Rover:
    """An agent that remembers what it was told and has seen."""

    def __init__(self) -> None:
        self.told: list[HandOut] = []
        self.seen_ms = 0

    def poll(
        self, task: NetworkTask, live: Iterable[str], now_ms: int, *, takes: bool = True
    ) -> list[str]:
        """The lists of processes it is told now."""
        new = to_tell(task, live, self.told, since_ms=self.seen_ms, now_ms=now_ms)
        self.told += new
        if takes:
            self.seen_ms = max([self.seen_ms, *(each.update_ms for each in new)])
        return ["".join(each.process_ids) for each in new]


def test_a_task_is_told_once_with_everything_that_lives() -> None:
    """Until something changes."""
    rover = Rover()

    assert ["ab"] == rover.poll(TASK, "ab", 1_000)
    assert [] == rover.poll(TASK, "ab", 11_000)


def test_an_extension_names_the_same_processes() -> None:
    """Other ones would be a second run beside the first."""
    rover = Rover()
    rover.poll(TASK, "ab", 1_000)

    assert ["ab"] == rover.poll(LONGER, "ab", 551_000)
    assert [(1200, 550_000)] == [(t.duration_s, t.update_ms) for t in rover.told[1:]]


def test_a_process_that_appears_is_a_run_of_its_own() -> None:
    """The task follows it, and no process is in two runs; an extension is for both."""
    rover = Rover()
    rover.poll(TASK, "ab", 1_000)

    assert ["c"] == rover.poll(TASK, "abc", 100_000)
    assert ["ab", "c"] == rover.poll(LONGER, "abc", 551_000)
    assert [] == rover.poll(LONGER, "abc", 561_000)


def test_what_is_left_of_a_run_waits_for_its_end() -> None:
    """It cannot be extended without the process that ended, nor run twice."""
    rover = Rover()
    rover.poll(TASK, "ab", 1_000)

    assert [] == rover.poll(LONGER, "a", 551_000)
    assert [] == rover.poll(LONGER, "a", 601_000)
    assert ["a"] == rover.poll(LONGER, "a", 612_000)


def test_processes_that_replace_all_others_are_told_at_once() -> None:
    """A restarted pod of the same name."""
    rover = Rover()
    rover.poll(TASK, "ab", 1_000)

    assert ["cd"] == rover.poll(TASK, "cd", 50_000)


def test_what_the_agent_could_not_take_is_told_anew() -> None:
    """A process ended between its heartbeat and the poll: the agent refuses the whole list."""
    rover = Rover()
    rover.poll(TASK, "ab", 1_000, takes=False)

    assert ["a"] == rover.poll(TASK, "a", 11_000)


def test_processes_that_come_back_are_told_whatever_else_was_seen() -> None:
    """Their task is older than the newest that the agent has seen; the update told is newer."""
    rover = Rover()
    rover.seen_ms = 70_000

    assert ["a"] == rover.poll(TASK, "a", 80_000)
    assert 80_000 == rover.seen_ms


def test_a_run_that_ended_is_told_anew_when_the_task_goes_on() -> None:
    """The extension came while its process was away for a moment."""
    rover = Rover()
    rover.poll(TASK, "a", 1_000)

    assert [] == rover.poll(LONGER, "", 601_000)
    assert ["a"] == rover.poll(LONGER, "a", 640_000)
