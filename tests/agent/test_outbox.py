"""Reports wait for a backend that is away, up to a limit."""

from collections.abc import Sequence

import pytest

from podwire.agent.outbox import Outbox
from podwire.agent.uplink import Rejected, Unreachable
from podwire.model.meter import Collection


class Line:
    """The send half of an uplink that can be cut."""

    def __init__(self) -> None:
        self.is_cut = False
        self.refuses: set[int] = set()
        self.got: list[int] = []

    async def send(self, collections: Sequence[Collection]) -> None:
        if self.is_cut:
            raise Unreachable("cut")
        if self.refuses & {each.timestamp_ms for each in collections}:
            raise Rejected("no")
        self.got += [each.timestamp_ms for each in collections]


def numbered(*numbers: int) -> list[Collection]:
    """Collections told apart by their timestamp."""
    return [Collection("s", "i", number, ()) for number in numbers]


async def test_what_waited_is_sent_in_order() -> None:
    """After the line is back, nothing is missing and nothing comes twice."""
    line, outbox = Line(), Outbox[Collection](10)
    line.is_cut = True
    outbox.put(numbered(1, 2, 3))
    with pytest.raises(Unreachable):
        await outbox.deliver(line.send, at_once=2)
    outbox.put(numbered(4))
    line.is_cut = False

    await outbox.deliver(line.send, at_once=2)

    assert [1, 2, 3, 4] == line.got
    assert (4, 0, 0) == (outbox.sent, outbox.dropped, len(outbox))


async def test_what_is_being_sent_waits_until_it_is_acknowledged() -> None:
    """Who looks meanwhile is not told that all has arrived."""
    seen: list[tuple[int, int]] = []
    outbox = Outbox[Collection](10)
    outbox.put(numbered(1, 2, 3))

    async def send(collections: Sequence[Collection]) -> None:
        seen.append((len(outbox), outbox.sent))

    await outbox.deliver(send, at_once=2)

    assert [(3, 0), (1, 2)] == seen
    assert (3, 0) == (outbox.sent, len(outbox))


async def test_beyond_the_limit_the_oldest_go_and_are_counted() -> None:
    """Memory is bounded; the loss is a number."""
    line, outbox = Line(), Outbox[Collection](2)
    outbox.put(numbered(1, 2, 3))

    await outbox.deliver(line.send)

    assert [2, 3] == line.got
    assert 1 == outbox.dropped


async def test_what_the_backend_refuses_loses_itself_alone() -> None:
    """Sent again and again it would hold up everything behind it."""
    line, outbox = Line(), Outbox[Collection](10)
    line.refuses = {2}
    outbox.put(numbered(1, 2, 3))

    await outbox.deliver(line.send)

    assert [1, 3] == line.got
    assert (2, 1, 0) == (outbox.sent, outbox.refused, len(outbox))


async def test_a_line_that_is_cut_amid_a_refused_batch_loses_nothing() -> None:
    """What was not tried yet waits."""
    line, outbox = Line(), Outbox[Collection](10)
    outbox.put(numbered(1, 2, 3))

    async def send(collections: Sequence[Collection]) -> None:
        if len(collections) > 1:
            raise Rejected("no")
        if line.got:
            raise Unreachable("cut")
        line.got += [each.timestamp_ms for each in collections]

    broken = Line()
    broken.send = send  # type: ignore[method-assign]
    with pytest.raises(Unreachable):
        await outbox.deliver(broken.send)

    await outbox.deliver(Line().send)
    assert (3, 0, 0) == (outbox.sent, outbox.refused, len(outbox))
