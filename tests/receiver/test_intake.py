"""Many senders' collections on their way through the rules, together; the rules are a fake."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from podwire.model.metric import Relation
from podwire.model.process import ProcessRecord
from podwire.receiver.intake import PASS_BYTES, WAITING_BYTES, Intake
from podwire.receiver.tally import Tally

from .serving import NOW_MS, Memory


@dataclass
class Echo:
    """What a pass was made of."""

    pieces: Sequence[bytes]
    tally: Mapping[str, int] = field(default_factory=lambda: {"passes_total": 1})
    relations: Sequence[Relation] = ()
    virtual: Sequence[ProcessRecord] = ()
    unreadable: Sequence[int] = ()


class Gate:
    """An analyzer that gives back what it gets, or fails when it is told to."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    def admit(self, messages: Sequence[bytes], *, since_ms: int, until_ms: int) -> Echo:
        assert since_ms < NOW_MS < until_ms
        if self.failure:
            raise self.failure
        return Echo(messages)


def opened(gate: Gate) -> tuple[Intake, Memory, Tally]:
    memory, tally = Memory(), Tally()
    return Intake(gate, memory, tally, lambda: NOW_MS), memory, tally


async def test_what_comes_together_goes_together() -> None:
    """A hundred senders at once are a few passes, in order, and each is told when it is done."""
    intake, memory, tally = opened(Gate())
    messages = [str(number).encode() for number in range(100)]
    for done in [await intake.put(message) for message in messages]:
        await done

    assert messages == memory.values
    assert tally.statistics()["passes_total"] <= 2


async def test_a_failing_pass_is_said_to_its_senders_alone() -> None:
    """Who was in it may send again; whoever comes later is served."""
    gate = Gate()
    intake, memory, _ = opened(gate)
    gate.failure = OSError("no room")
    with pytest.raises(OSError, match="no room"):
        await (await intake.put(b"lost"))
    gate.failure = None
    await (await intake.put(b"kept"))

    assert [b"kept"] == memory.values


async def test_senders_wait_while_too_much_is_on_its_way() -> None:
    """Memory is bounded by what waits, and nothing is lost."""
    intake, memory, _ = opened(Gate())
    large = b"x" * PASS_BYTES
    waits = [asyncio.create_task(intake.put(large)) for _ in range(WAITING_BYTES // PASS_BYTES + 3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert not all(wait.done() for wait in waits)
    for wait in waits:
        await (await wait)
    assert len(waits) == len(memory.values)
