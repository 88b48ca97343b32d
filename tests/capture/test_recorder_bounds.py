"""
What nobody sends in good faith costs the recorder a bounded number of pages, and no number.

Traffic is the test's own; what is recorded is compared with what was sent, and counted besides.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from capture.test_recorder import ASK, FAILED, Pair, both, move, response
from podwire.capture import Kernel
from podwire.capture.size import node_sizes
from podwire.model.exchange import Exchange
from podwire.model.flow import Flow, Role

pytestmark = pytest.mark.root
PAGE_BYTES = 4096
LARGE = 100_000_000


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """The real source, recording what fails in this process."""
    source = Kernel()
    source.watch([os.getpid()])
    source.record({os.getpid(): FAILED})
    yield source
    source.close()


def is_whole_again(kernel: Kernel) -> bool:
    """Whether a small exchange on a new connection is recorded to its last byte."""
    pair = Pair()
    pair.exchange([ASK], [response(b"tea")])
    pair.close()
    return both(kernel.exchanges()) == [(ASK, response(b"tea"))] * 2


def at_client(flows: list[Flow]) -> list[tuple[int, int]]:
    """Requests and bytes of their answers, as the client's side counted them."""
    found = [flow.http for flow in flows if flow.key.role is Role.CLIENT and flow.http]
    return [(http.requests, http.response_bytes) for http in found if http.requests]


def recorded(found: list[Exchange]) -> int:
    return sum(len(each.request.data) + len(each.response.data) for each in found)


def test_a_body_of_100_mb_is_cut_and_counted(kernel: Kernel) -> None:
    """What fits is its beginning, the rest is told in bytes, and the metrics have all of it."""
    block = bytes(range(256)) * 256
    head = b"HTTP/1.1 500 B\r\nContent-Length: %d\r\n\r\n" % LARGE
    pieces = [block] * (LARGE // len(block)) + [block[: LARGE % len(block)]]
    pair = Pair()
    pair.exchange([ASK], [head, *pieces])
    pair.close()
    found = list(kernel.exchanges())

    assert {len(head) + LARGE} == {each.response.size for each in found}
    for each in found:
        data = each.response.data
        assert data == head + (block * (len(data) // len(block) + 1))[: len(data) - len(head)]
    assert recorded(found) <= node_sizes().pages * PAGE_BYTES
    assert [(1, len(head) + LARGE)] == at_client(list(kernel.drain()))
    assert is_whole_again(kernel)


def test_heads_that_never_end_give_their_pages_back(kernel: Kernel) -> None:
    """More of them than there are pages for; with their connections all pages are free again."""
    line = b"x-%s: 1\r\n" % (b"y" * 4087)
    lines = node_sizes().pages // 16
    with ExitStack() as stack:
        for _ in range(20):
            pair = Pair()
            stack.callback(pair.close)
            move(pair.client, pair.server, [b"GET / HTTP/1.1\r\n" + line * lines])
        assert kernel.losses().get("pages_full", 0) > 0

    assert [] == kernel.exchanges()
    assert is_whole_again(kernel)


def test_a_million_header_names_are_one_answer(kernel: Kernel) -> None:
    """Counted once with every byte, recorded as they were."""
    names = b"".join(b"x-%d: 1\r\n" % number for number in range(1_000_000))
    answered = b"HTTP/1.1 500 B\r\n" + names + b"Content-Length: 0\r\n\r\n"
    pair = Pair()
    pair.exchange([ASK], [answered])
    pair.close()
    (told,) = (e.response for e in kernel.exchanges() if e.key.role is Role.CLIENT)

    assert [(1, len(answered))] == at_client(list(kernel.drain()))
    assert told.data
    assert answered.startswith(told.data)
    assert len(answered) == told.size
    assert is_whole_again(kernel)
