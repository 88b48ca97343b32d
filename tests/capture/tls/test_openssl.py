"""What Python's TLS says in clear is what was counted; the truth is the client's own book."""

import pytest

from capture.tls.conftest import Open, Pair
from podwire.capture.tls.follow import Means
from podwire.capture.tls.link import Rung
from podwire.model.flow import Protocol, Role

pytestmark = pytest.mark.root


@pytest.mark.parametrize("size", [1, 850, 16_384, 1_000_000])
def test_keep_alive_is_exact_at_both_ends(pair: Pair, size: int) -> None:
    """Requests, statuses and every byte of plaintext."""
    pair.watch()

    book = pair.drive(f"/{size}", requests=12, close=True)

    pair.agrees(book)


@pytest.mark.parametrize("rung", list(Rung))
def test_every_way_to_hang_a_probe_reads_the_same(opened: Open, rung: Rung) -> None:
    """Links over many places, and probes of one place each."""
    pair = opened(Means(rungs=(rung,)))
    pair.watch()

    book = pair.drive("/850", requests=5, close=True)

    pair.agrees(book)


def test_a_new_connection_every_request_is_exact(pair: Pair) -> None:
    """Every connection's last plaintext is there when it closes."""
    pair.watch()

    for _ in range(12):
        book = pair.drive("/850", close=True)

    pair.agrees(book)


def test_a_head_in_pieces_is_one_request(pair: Pair) -> None:
    """A connection that was opened while it was probed is known from its first byte."""
    pair.watch()

    book = pair.drive("/850", piece=1, requests=3, close=True)

    pair.agrees(book)


def test_what_the_library_had_ready_needs_no_socket(pair: Pair) -> None:
    """Reads that make no system call are of the connection whose bytes the library keeps."""
    pair.watch()

    book = pair.drive("/850", read=7, requests=3, close=True)

    pair.agrees(book)


def test_a_body_until_close_ends_with_the_session(pair: Pair) -> None:
    """The peer's goodbye ends it."""
    pair.watch()

    for _ in range(3):
        book = pair.drive("/5000/until-close", close=True)

    pair.agrees(book)


def test_a_session_older_than_the_task_is_joined_in_its_middle(pair: Pair) -> None:
    """From its next request on; a read that waited already when it was probed is not seen."""
    before = pair.drive("/850", requests=3)
    pair.watch()

    after = pair.drive("/850", requests=4, close=True)
    pair.drain()

    new = {name: after[name] - before[name] for name in after}
    assert new | {"connections": 1} == pair.told(Role.CLIENT)
    assert new["requests"] - 1 == pair.told(Role.SERVER)["requests"]
    assert {"http_unpaired": 1} == pair.kernel.losses()


def test_ciphertext_is_counted_by_its_calls_and_never_as_http(pair: Pair) -> None:
    """What the sockets moved is more than the plaintext, on flows that say TLS."""
    pair.watch()

    book = pair.drive("/850", requests=5, close=True)
    pair.drain()

    assert all(flow.key.tls for flow in pair.flows)
    read = [flow for flow in pair.flows if flow.key.role is Role.CLIENT]
    crossed = sum(flow.operations["read"].bytes for flow in read)
    assert crossed > book["received"] + 5 * 22
    assert Protocol.HTTP1 in {flow.key.protocol for flow in read}


def test_a_library_that_is_loaded_late_is_read(pair: Pair) -> None:
    """The client loads its TLS with its first connection, while it is watched."""
    pair.watch()

    book = pair.drive("/1", close=True)
    pair.settle()
    book = pair.drive("/850", requests=3, close=True)

    pair.agrees(book)


def test_readable_connections_are_told_from_others(pair: Pair) -> None:
    """Each connection that speaks TLS is counted once, and once more when it is read."""
    pair.watch()

    pair.drive("/850", requests=3, close=True)
    pair.drive("/850", requests=3, close=True)
    pair.drain()

    found = [flow.tls for flow in pair.flows if flow.key.role is Role.CLIENT]
    assert 2 == sum(each.connections for each in found) == sum(each.readable for each in found)
