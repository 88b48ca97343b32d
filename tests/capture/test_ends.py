"""
How exchanges and connections end, and what is told of those that do not end well.

Both ends are sockets of this process, watched for real; the truth is what the test did and
what `TCP_INFO` says. After each test the conservation laws must hold.
"""

import ctypes
import mmap
import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from capture.test_calls import BODY, HEAD, REQUEST, flow, pair, receive, responses
from podwire.capture import Kernel
from podwire.capture.balance import laws
from podwire.model.flow import Http, Role

pytestmark = pytest.mark.root
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NOISE = b"\0garbage, no message\r\n"


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """The real source, watching this very process; its books balance in the end."""
    source = Kernel()
    source.watch([os.getpid()])
    yield source
    wrong = [law for law in laws(source.tallies()) if not law.holds]
    source.close()
    assert [] == wrong


def say(sender: socket.socket, receiver: socket.socket, data: bytes) -> None:
    """Send and take, whole."""
    sender.sendall(data)
    receive(receiver, len(data))


def http(kernel: Kernel, role: Role) -> Http:
    """What was counted of a side that spoke HTTP."""
    found = flow(kernel.drain(), role).http
    assert found is not None
    return found


def test_a_request_without_an_answer_is_told_when_its_connection_ends(kernel: Kernel) -> None:
    """No status is made up for it."""
    with pair() as (client, server):
        say(client, server, REQUEST * 2)
        say(server, client, ANSWER)

    found = http(kernel, Role.SERVER)
    assert (2, {200: 1}, 1) == (found.requests, found.responses, found.unanswered)


def test_an_answer_before_the_request_is_whole_answers_it(kernel: Kernel) -> None:
    """An upload that is refused in its middle is one request, and was answered."""
    head = b"POST /x HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"
    with pair() as (client, server):
        say(client, server, head + b"u" * 10)
        say(server, client, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    found = http(kernel, Role.CLIENT)
    assert (1, {413: 1}, 0) == (found.requests, found.responses, found.unanswered)


def test_an_answer_may_come_before_the_call_that_wrote_its_request_returns(
    kernel: Kernel,
) -> None:
    """A blocked writer's request is paired with what another thread has read already."""
    size = 8 << 20
    head = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size
    with pair() as (client, server):
        writer = threading.Thread(target=client.sendall, args=(head + bytes(size),))
        writer.start()
        receive(server, len(head))
        say(server, client, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        receive(server, size)
        writer.join()

    found = http(kernel, Role.CLIENT)
    assert (1, {200: 1}) == (found.requests, found.responses)
    assert {} == kernel.losses()


def test_after_noise_the_next_request_is_followed_again(kernel: Kernel) -> None:
    """What was lost is one ambiguity and one request; the rest of the connection counts."""
    with pair() as (client, server):
        say(client, server, REQUEST)
        say(server, client, NOISE)
        for _ in range(5):
            say(client, server, REQUEST)
            say(server, client, ANSWER)

    flows = kernel.drain()
    assert {200: 5} == responses(flows, Role.SERVER) == responses(flows, Role.CLIENT)
    assert {"http_ambiguous": 2, "http_forgotten": 2} == kernel.losses()


@pytest.mark.parametrize(
    "framing",
    [b"Content-Length: 2\r\nContent-Length: 3", b"Content-Length: 2x", b"Content-Length:"],
)
def test_a_length_that_is_none_is_ambiguous(kernel: Kernel, framing: bytes) -> None:
    """RFC 9112 6.3: nobody can tell where such a message ends."""
    with pair() as (client, server):
        say(client, server, REQUEST)
        say(server, client, b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\nok")
        say(client, server, REQUEST)
        say(server, client, ANSWER)

    assert {200: 1} == responses(kernel.drain(), Role.CLIENT)
    assert {"http_ambiguous": 2, "http_forgotten": 2} == kernel.losses()


def test_chunked_wins_over_a_length(kernel: Kernel) -> None:
    """RFC 9112 6.3, 3."""
    both = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pair() as (client, server):
        for _ in range(2):
            say(client, server, REQUEST)
            say(server, client, both + b"2\r\nok\r\n0\r\n\r\n")

    assert {200: 2} == responses(kernel.drain(), Role.CLIENT)
    assert {} == kernel.losses()


def test_a_response_joined_in_its_middle_is_unpaired(kernel: Kernel) -> None:
    """Its request was before our time: it is told apart, and what follows counts."""
    kernel.watch([1])
    with pair() as (client, server):
        say(client, server, REQUEST)
        kernel.watch([os.getpid()])
        say(server, client, ANSWER)
        say(client, server, REQUEST)
        say(server, client, ANSWER)

    found = http(kernel, Role.SERVER)
    assert ({200: 1}, {200: 1}) == (found.responses, found.unpaired)


def test_closing_one_of_two_descriptors_ends_nothing(kernel: Kernel) -> None:
    """A body until the end of the connection goes on over the other."""
    head = b"HTTP/1.0 200 OK\r\n\r\n"
    with pair() as (client, server):
        say(client, server, REQUEST)
        say(server, client, head)
        server.dup().close()
        say(server, client, BODY)
        server.shutdown(socket.SHUT_WR)
        assert b"" == client.recv(1)

    flows = kernel.drain()
    for role in (Role.CLIENT, Role.SERVER):
        found = flow(flows, role).http
        assert found is not None
        assert ({200: 1}, len(head + BODY)) == (found.responses, found.response_bytes)


def test_a_response_that_a_reset_cuts_short_is_none(kernel: Kernel) -> None:
    """Each side is told, by who sent the reset."""
    with pair() as (client, server):
        say(client, server, REQUEST)
        say(server, client, HEAD + BODY[:100])
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        with pytest.raises(ConnectionResetError):
            client.recv(1)

    flows = kernel.drain()
    assert {} == responses(flows, Role.CLIENT)
    server_tcp, client_tcp = (flow(flows, role).tcp for role in (Role.SERVER, Role.CLIENT))
    assert (1, 0) == (server_tcp.resets_sent, client_tcp.resets_sent)
    assert 1 == client_tcp.resets_received


def test_what_tcp_counts_is_what_tcp_info_says(kernel: Kernel) -> None:
    """Bytes, segments and deliveries of a connection that is still open."""
    with pair() as (client, server):
        for _ in range(20):
            say(client, server, REQUEST)
            say(server, client, HEAD + BODY)
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
        found = flow(kernel.drain(), Role.CLIENT).tcp

    acked, received, segments_out, segments_in = struct.unpack_from("<QQII", info, 120)
    assert (acked, received) == (found.bytes_acked, found.bytes_received)
    assert (segments_out, segments_in) == (found.segments_out, found.segments_in)
    assert struct.unpack_from("<I", info, 192)[0] == found.delivered


def test_bytes_of_a_32_bit_call_are_told_at_the_end(kernel: Kernel) -> None:
    """They have no call that is seen; the socket's own sequence numbers know them."""
    with pair() as (client, server):
        say(client, server, REQUEST)
        assert 5 == write_by_interrupt(server.fileno(), b"bytes")
        receive(client, 5)

    flows = kernel.drain()
    write = flow(flows, Role.SERVER).operations["write"]
    assert (0, 5, 5) == (write.count, write.bytes, flow(flows, Role.SERVER).tcp.uncalled_written)
    assert 1 == kernel.losses()["calls_compat"]


def write_by_interrupt(fd: int, data: bytes) -> int:
    """`int 0x80` is the way of 32-bit programs into the kernel, open to others as well."""
    low = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40  # below 2 GiB: registers have 32 bits
    memory = mmap.mmap(-1, 4096, low, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    code = b"\x53\x89\xfb\x48\x89\xf1\xb8\x04\0\0\0\xcd\x80\x5b\xc3"
    memory.write(code)
    memory[64 : 64 + len(data)] = data
    function = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_int, ctypes.c_long, ctypes.c_long)(start)
    return int(function(fd, start + 64, len(data)))
