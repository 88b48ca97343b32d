"""
Recorded exchanges are what crossed the sockets, byte for byte, at both ends.

The test is both ends itself and knows what it sent; nothing here asks podwire what was right.
"""

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile

import numpy as np
import pytest

from podwire.capture import Kernel
from podwire.capture.table import Table, read_part
from podwire.model.exchange import Device, Exchange, RecordPolicy
from podwire.model.flow import Role

pytestmark = pytest.mark.root
FAILED = RecordPolicy(when_5xx=True)
ASK = b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """The real source, watching this process."""
    source = Kernel()
    source.watch([os.getpid()])
    yield source
    source.close()


class Pair:
    """Both ends of one connection."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.create_connection(listener.getsockname())
            self.server, _ = listener.accept()
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, asked: Sequence[bytes], answered: Sequence[bytes]) -> None:
        """Send each piece in a call of its own; the other end reads until it has everything."""
        move(self.client, self.server, asked)
        move(self.server, self.client, answered)

    def close(self) -> None:
        self.client.close()
        self.server.close()


def move(source: socket.socket, target: socket.socket, pieces: Sequence[bytes]) -> None:
    """Send the pieces and read them all."""

    def send() -> None:
        for piece in pieces:
            source.sendall(piece)

    sender = threading.Thread(target=send)
    sender.start()
    left = sum(map(len, pieces))
    while left:
        left -= len(target.recv(min(left, 65536)))
    sender.join()


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A connection that is closed in the end."""
    made = Pair()
    yield made
    made.close()


def response(body: bytes, status: str = "500 Broken") -> bytes:
    """A response with a length."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def pattern(size: int) -> bytes:
    """Bytes that are wrong at every other place."""
    return bytes((place * 7 + place // 251) % 251 for place in range(size))


def both(found: Sequence[Exchange]) -> list[tuple[bytes, bytes]]:
    """What each end recorded; there must be the two."""
    assert {Role.CLIENT, Role.SERVER} == {each.key.role for each in found}
    assert len(found) == 2
    return [(each.request.data, each.response.data) for each in found]


@pytest.mark.parametrize("size", [0, 1, 511, 512, 3_000, 4_096, 10_242, 100_000, 1_000_000])
@pytest.mark.parametrize("is_upload", [False, True])
def test_messages_of_any_size_are_whole(
    kernel: Kernel, pair: Pair, size: int, is_upload: bool
) -> None:
    """Up to a megabyte and over as many pages, both ways."""
    body = pattern(size)
    upload = b"POST /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + body
    asked, answered = (upload, response(b"")) if is_upload else (ASK, response(body))
    kernel.record({os.getpid(): FAILED})
    pair.exchange([asked], [answered])

    assert [(asked, answered)] * 2 == both(kernel.exchanges())
    assert {} == kernel.losses()


@pytest.mark.parametrize(
    "answered",
    [
        [bytes([byte]) for byte in response(b"tea")],
        [
            b"HTTP/1.1 500 B\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"3\r\nt",
            b"ea\r\n0\r",
            b"\n\r\n",
        ],
        [b"HTTP/1.1 100 Continue\r\n\r\n", response(b"tea")],
        [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + response(b"1")],
    ],
)
def test_however_it_is_cut_it_is_whole(
    kernel: Kernel, pair: Pair, answered: Sequence[bytes]
) -> None:
    """Byte by byte, in chunks, with an informational answer before it."""
    kernel.record({os.getpid(): FAILED})
    pair.exchange([bytes([byte]) for byte in ASK], answered)

    assert [(ASK, b"".join(answered))] * 2 == both(kernel.exchanges())


def test_pipelined_requests_keep_their_own_bytes(kernel: Kernel, pair: Pair) -> None:
    """Five at once, answered at once: each with its own answer, and only the failed ones."""
    asked = [b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(5)]
    answers = [response(b"%d" % number, "500 B" if number % 2 else "200 OK") for number in range(5)]
    kernel.record({os.getpid(): FAILED})
    pair.exchange([b"".join(asked)], [b"".join(answers)])

    found = {(each.request.data, each.response.data) for each in kernel.exchanges()}
    assert {(asked[number], answers[number]) for number in (1, 3)} == found


def test_an_answer_before_the_request_is_whole(kernel: Kernel, pair: Pair) -> None:
    """A server that fails early: the request is recorded to its end all the same."""
    body = pattern(5_000)
    head = b"POST /a HTTP/1.1\r\nContent-Length: 5000\r\n\r\n"
    kernel.record({os.getpid(): FAILED})
    move(pair.client, pair.server, [head + body[:10]])
    move(pair.server, pair.client, [response(b"no")])
    move(pair.client, pair.server, [body[10:]])

    assert [(head + body, response(b"no"))] * 2 == both(kernel.exchanges())


def test_a_response_until_close_is_whole(kernel: Kernel, pair: Pair) -> None:
    """The end of the connection is the end of the body."""
    answered = b"HTTP/1.1 500 B\r\n\r\n" + pattern(700)
    kernel.record({os.getpid(): FAILED})
    pair.exchange([ASK], [answered])
    pair.server.close()
    assert b"" == pair.client.recv(1)
    pair.client.close()

    assert [(ASK, answered)] * 2 == both(kernel.exchanges())


def test_sendfile_leaves_a_gap_that_is_counted(kernel: Kernel, pair: Pair) -> None:
    """Its bytes are in no user memory: the sender's end knows how many, the reader's has them."""
    body = pattern(20_000)
    head = b"HTTP/1.1 500 B\r\nContent-Length: 20000\r\n\r\n"
    kernel.record({os.getpid(): FAILED})
    move(pair.client, pair.server, [ASK])
    with TemporaryFile() as file:
        file.write(body)
        file.seek(0)
        pair.server.sendall(head)
        os.sendfile(pair.server.fileno(), file.fileno(), 0, len(body))
    left = len(head) + len(body)
    while left:
        left -= len(pair.client.recv(left))

    by_role = {each.key.role: each.response for each in kernel.exchanges()}
    assert (head, 20_000) == (by_role[Role.SERVER].data, by_role[Role.SERVER].missing)
    assert (head + body, 0) == (by_role[Role.CLIENT].data, by_role[Role.CLIENT].missing)


def test_a_limit_cuts_and_says_how_much(kernel: Kernel, pair: Pair) -> None:
    """What is over it is not copied."""
    answered = response(pattern(50_000))
    kernel.record({os.getpid(): RecordPolicy(when_5xx=True, request_limit=5, response_limit=9_000)})
    pair.exchange([ASK], [answered])

    for each in kernel.exchanges():
        assert (ASK[:5], len(ASK) - 5) == (each.request.data, each.request.missing)
        assert (answered[:9_000], len(answered) - 9_000) == (
            each.response.data,
            each.response.missing,
        )


@pytest.mark.parametrize(
    ("policy", "status", "wait_s", "is_picked"),
    [
        (RecordPolicy(when_4xx=True), "404 No", 0, True),
        (RecordPolicy(when_4xx=True), "500 B", 0, False),
        (RecordPolicy(when_5xx=True), "404 No", 0, False),
        (RecordPolicy(least_ms=30), "200 OK", 0.05, True),
        (RecordPolicy(least_ms=3_000), "200 OK", 0, False),
        (RecordPolicy(least_ms=0), "200 OK", 0, True),
        (RecordPolicy(), "500 B", 0.05, False),
    ],
)
def test_only_what_a_policy_picks_leaves_the_kernel(
    kernel: Kernel, pair: Pair, policy: RecordPolicy, status: str, wait_s: float, is_picked: bool
) -> None:
    """User space copies no byte of anything else."""
    kernel.record({os.getpid(): policy})
    move(pair.client, pair.server, [ASK])
    time.sleep(wait_s)  # the server takes that long: it is the duration that is tested
    move(pair.server, pair.client, [response(b"x" * 100, status)])

    assert (2 if is_picked else 0) == len(kernel.exchanges())
    assert is_picked == (kernel.copied_bytes > 0)


def test_calls_tell_the_timeline(kernel: Kernel, pair: Pair) -> None:
    """Each call that moved a message, with its bytes, in order, inside the message's time."""
    answered = response(b"tea")
    kernel.record({os.getpid(): FAILED})
    pair.exchange([ASK[:10], ASK[10:]], [answered])
    client = next(each for each in kernel.exchanges() if each.key.role is Role.CLIENT)

    sent = [call for call in client.calls if call.is_request]
    assert [("Sendto", 10), ("Sendto", len(ASK) - 10)] == [(call.name, call.bytes) for call in sent]
    assert len(answered) == sum(call.bytes for call in client.calls if not call.is_request)
    assert sent[0].start_ns == client.request.start_ns < sent[1].end_ns <= client.response.end_ns
    assert abs(client.response.end_ns - time.time_ns()) < 5_000_000_000


def test_calls_tell_their_segments_and_the_device(kernel: Kernel, pair: Pair) -> None:
    """All segments of a connection, by TCP_INFO, are some call's; its packets leave by loopback."""
    kernel.record({os.getpid(): FAILED})
    pair.exchange([ASK[:10], ASK[10:]], [response(b"x" * 300_000)])
    pair.exchange([ASK], [response(b"tea")])
    ended = [each for each in kernel.exchanges() if each.key.role is Role.CLIENT]
    calls = [call for each in ended for call in each.calls]
    info = pair.client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
    arrived, sent = struct.unpack_from("<II", info, 152)

    assert sent == sum(call.segments for call in calls if call.is_request)
    assert arrived == sum(call.segments for call in calls if not call.is_request)
    assert {Device(1, "lo")} == {each.device for each in ended}


def test_pages_come_back(kernel: Kernel) -> None:
    """Many more messages than there are pages, picked, not picked, broken off, lost: none leaks."""
    kernel.record({os.getpid(): FAILED})
    picked = 0
    for number in range(3_000):
        pair = Pair()
        pair.exchange([ASK], [response(b"x" * 5_000, "500 B" if number % 10 == 0 else "200 OK")])
        pair.client.sendall(ASK + b"GET /half HTT" if number % 2 else b"\x00garbage" * 20)
        pair.server.recv(1_000)
        pair.close()
        if number % 500 == 0:
            picked += len(kernel.exchanges())
    picked += len(kernel.exchanges())

    assert 2 * 300 == picked
    assert not {"pages_full", "samples_full", "sample_torn"} & kernel.losses().keys()


def test_a_storm_is_bounded_and_counted(kernel: Kernel, pair: Pair) -> None:
    """More than user space takes in between two drains: every one delivered or counted."""
    kernel.record({os.getpid(): FAILED})
    for _ in range(3_000):
        pair.exchange([ASK], [response(b"")])
    found = len(kernel.exchanges())
    pair.exchange([ASK], [response(b"")])

    assert 2 * 3_000 == found + kernel.losses().get("samples_full", 0)
    assert 2 == len(kernel.exchanges())


def test_a_page_that_was_overwritten_is_never_shown(kernel: Kernel, pair: Pair) -> None:
    """Whatever makes a chain another one than was handed over: it is counted instead."""
    kernel.record({os.getpid(): FAILED})
    pair.exchange([ASK], [response(b"tea")])
    overwrite(kernel)

    assert [] == kernel.exchanges()
    assert {"sample_torn": 2} == {k: v for k, v in kernel.losses().items() if v}


def overwrite(kernel: Kernel) -> None:
    """Give every page that holds something to another chain."""
    program = kernel._program
    assert program
    kind = program._layouts.structure("head")
    table = Table(program.fd("heads"), np.dtype("<u4"), kind)
    rows = read_part(program.fd("heads"), 0, program._sizes.pages, kind)
    for page in np.flatnonzero(rows["sequence"]):
        row = rows[page : page + 1].copy()
        row["sequence"] += 1_000
        table.put(np.array([page], np.uint32), row)


def test_a_process_without_a_policy_is_not_recorded(kernel: Kernel, pair: Pair) -> None:
    """And with the last policy recording ends."""
    kernel.record({1: FAILED})
    pair.exchange([ASK], [response(b"")])
    kernel.record({os.getpid(): FAILED})
    kernel.record({})
    pair.exchange([ASK], [response(b"")])

    assert [] == kernel.exchanges()
