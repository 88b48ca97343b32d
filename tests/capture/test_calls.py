"""
Every way to move bytes over a socket, and every way an exchange can end.

Both ends are sockets of this process, watched for real; the truth is what the test did.
"""

import errno
import os
import select
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from podwire.capture import Kernel
from podwire.model.flow import Flow, Protocol, Role

pytestmark = pytest.mark.root

REQUEST = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
BODY = b"b" * 5000


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """The real source, watching this very process."""
    source = Kernel()
    source.watch([os.getpid()])
    yield source
    source.close()


@contextmanager
def pair(address: str = "127.0.0.1") -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client and the server it is connected to, both closed at the end."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        client = socket.create_connection(listener.getsockname()[:2])
        server, _ = listener.accept()
        with client, server:
            yield client, server


def receive(end: socket.socket, size: int) -> None:
    """Take exactly so many bytes."""
    while size:
        size -= len(end.recv(size))


def flow(flows: Sequence[Flow], role: Role) -> Flow:
    """The one flow of a side."""
    (found,) = (each for each in flows if each.key.role is role)
    return found


def responses(flows: Sequence[Flow], role: Role) -> dict[int, int]:
    """Responses by status of a side."""
    http = flow(flows, role).http
    return dict(http.responses) if http else {}


def answered(kernel: Kernel, *, status: int = 200) -> list[Flow]:
    """The flows of one exchange that both ends saw whole."""
    flows = list(kernel.drain())
    assert {} == kernel.losses()
    for role in (Role.CLIENT, Role.SERVER):
        assert {status: 1} == responses(flows, role), role
    return flows


def test_an_answer_in_one_gathered_write_is_whole(kernel: Kernel) -> None:
    """Nginx writes head and body with one writev; the sizes are of both."""
    with pair() as (client, server):
        client.sendall(REQUEST)
        receive(server, len(REQUEST))
        assert len(HEAD + BODY) == os.writev(server.fileno(), [HEAD, BODY[:1], b"", BODY[1:]])
        receive(client, len(HEAD + BODY))

    flows = answered(kernel)
    http = flow(flows, Role.SERVER).http
    assert http is not None
    assert len(HEAD + BODY) == http.response_bytes
    assert 1 == flow(flows, Role.SERVER).operations["write"].count


def test_scattered_reads_are_followed(kernel: Kernel) -> None:
    """Sendmsg and recvmsg with a head that lies in several buffers."""
    with pair() as (client, server):
        client.sendmsg([REQUEST[:7], REQUEST[7:]])
        buffers = [bytearray(10), bytearray(3), bytearray(500)]
        assert len(REQUEST) == server.recvmsg_into(buffers)[0]
        server.sendmsg([HEAD, BODY])
        receive(client, len(HEAD + BODY))

    answered(kernel)


def test_a_body_by_sendfile_is_counted_by_its_length(kernel: Kernel, tmp_path: Path) -> None:
    """There is no user memory to read, and none is needed."""
    (tmp_path / "body").write_bytes(BODY)
    with pair() as (client, server), (tmp_path / "body").open("rb") as file:
        client.sendall(REQUEST)
        receive(server, len(REQUEST))
        server.sendall(HEAD)
        assert len(BODY) == os.sendfile(server.fileno(), file.fileno(), 0, len(BODY))
        receive(client, len(HEAD + BODY))
        client.sendall(REQUEST)

    flows = list(kernel.drain())
    http = flow(flows, Role.SERVER).http
    assert http is not None
    assert len(HEAD + BODY) == http.response_bytes
    assert len(HEAD + BODY) == flow(flows, Role.SERVER).operations["write"].bytes


def test_a_peek_is_not_a_read(kernel: Kernel) -> None:
    """The bytes are taken once, and once is how often they count."""
    with pair() as (client, server):
        client.sendall(REQUEST)
        assert b"G" == server.recv(1, socket.MSG_PEEK)
        assert 4 == len(server.recvmsg(4, 0, socket.MSG_PEEK)[0])
        receive(server, len(REQUEST))

    read = flow(kernel.drain(), Role.SERVER).operations["read"]
    assert (1, len(REQUEST)) == (read.count, read.bytes)


def test_reads_that_would_block_are_no_reads(kernel: Kernel) -> None:
    """EAGAIN moves nothing."""
    with pair() as (client, server):
        server.setblocking(False)
        for _ in range(5):
            with pytest.raises(BlockingIOError):
                server.recv(10)
        client.sendall(REQUEST)
        select.select([server], [], [], 5)
        receive(server, len(REQUEST))

    assert 1 == flow(kernel.drain(), Role.SERVER).operations["read"].count


def test_a_connect_in_the_background_counts_once(kernel: Kernel) -> None:
    """When it is established, whoever waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.setblocking(False)
        assert client.connect_ex(listener.getsockname()) in (0, errno.EINPROGRESS)
        select.select([], [client], [], 5)
        server, _ = listener.accept()
        with server:
            client.sendall(REQUEST)
            receive(server, len(REQUEST))

    connect = flow(kernel.drain(), Role.CLIENT).operations["connect"]
    assert 1 == connect.count
    assert connect.time > 0


@pytest.mark.parametrize("is_blocking", [True, False])
def test_a_refused_connect_is_no_connection(kernel: Kernel, *, is_blocking: bool) -> None:
    """Nothing was opened, and the errno says why, whoever waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    for _ in range(3):
        with socket.socket() as client:
            client.setblocking(is_blocking)
            assert client.connect_ex(address) in (errno.ECONNREFUSED, errno.EINPROGRESS)

    (found,) = kernel.drain()
    assert {errno.ECONNREFUSED: 3} == found.failures
    assert {} == found.operations
    assert address == (found.key.peer.address, found.key.peer.port)


def test_a_body_until_the_end_of_the_connection_is_one_response(kernel: Kernel) -> None:
    """Without a length it ends when its sender closes, and then it is counted at both ends."""
    data = b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n" + BODY
    with pair() as (client, server):
        client.sendall(REQUEST)
        receive(server, len(REQUEST))
        server.sendall(data)
        receive(client, len(data))
        server.close()
        assert b"" == client.recv(1)

    flows = answered(kernel)
    for role in (Role.CLIENT, Role.SERVER):
        http = flow(flows, role).http
        assert http is not None
        assert len(data) == http.response_bytes


@pytest.mark.parametrize(
    ("request_head", "response_head", "status"),
    [
        (
            b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
            101,
        ),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", 200),
    ],
)
def test_what_comes_after_an_upgrade_is_not_http(
    kernel: Kernel, request_head: bytes, response_head: bytes, status: int
) -> None:
    """A tunnel may carry anything, even what looks like a request, and none of it counts."""
    with pair() as (client, server):
        client.sendall(request_head)
        receive(server, len(request_head))
        server.sendall(response_head)
        receive(client, len(response_head))
        for _ in range(3):
            client.sendall(REQUEST + b"\x81\x05hello")
            receive(server, len(REQUEST) + 7)

    flows = answered(kernel, status=status)
    http = flow(flows, Role.CLIENT).http
    assert http is not None
    assert 1 == http.requests


def test_a_client_that_gives_up_has_asked_and_was_not_answered(kernel: Kernel) -> None:
    """No status is made up."""
    with pair() as (client, server):
        client.sendall(REQUEST)
        receive(server, len(REQUEST))

    http = flow(kernel.drain(), Role.SERVER).http
    assert http is not None
    assert (1, {}) == (http.requests, http.responses)


def test_half_a_request_is_no_request(kernel: Kernel) -> None:
    """Its bytes count, it does not."""
    with pair() as (client, server):
        client.sendall(REQUEST[:-2])
        receive(server, len(REQUEST) - 2)

    found = flow(kernel.drain(), Role.SERVER)
    assert found.http is None
    assert len(REQUEST) - 2 == found.operations["read"].bytes


def test_a_child_of_a_watched_process_is_watched(kernel: Kernel) -> None:
    """A pre-forked worker serves; its parent only listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = os.fork()
        if not child:
            try:
                server, _ = listener.accept()
                receive(server, len(REQUEST))
                server.sendall(HEAD + BODY)
                server.close()
            finally:  # else this process would go on with the tests, too
                os._exit(0)
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(REQUEST)
            receive(client, len(HEAD + BODY))
        os.waitpid(child, 0)

    flows = answered(kernel)
    assert child == flow(flows, Role.SERVER).key.pid


def test_an_ipv4_peer_of_an_ipv6_socket_is_shown_as_ipv4(kernel: Kernel) -> None:
    """Mapped addresses are the same peers."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        client = socket.create_connection(("127.0.0.1", listener.getsockname()[1]))
        server, _ = listener.accept()
        with client, server:
            client.sendall(REQUEST)
            receive(server, len(REQUEST))

    assert "127.0.0.1" == flow(kernel.drain(), Role.SERVER).key.peer.address


def test_tls_is_told_by_its_records_and_counted_as_it_crosses(kernel: Kernel) -> None:
    """Bytes are ciphertext, as the program's own pump counted them; no request is guessed."""
    authority = trustme.CA()
    here = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("shop.test").configure_cert(here)
    there = ssl.create_default_context()
    authority.configure_trust(there)
    with pair() as (client, server):
        ends = Pump(there, client, server_side=False), Pump(here, server, server_side=True)
        while False in [end.shake() for end in ends]:
            ends[0].move(ends[1])
            ends[1].move(ends[0])
        ends[0].tls.write(REQUEST)
        ends[0].move(ends[1])
        assert REQUEST == ends[1].tls.read(1000)

    flows = list(kernel.drain())
    for role, end in ((Role.CLIENT, ends[0]), (Role.SERVER, ends[1])):
        found = flow(flows, role)
        assert (True, Protocol.UNKNOWN, None) == (found.key.tls, found.key.protocol, found.http)
        assert (end.written, end.read) == (
            found.operations["write"].bytes,
            found.operations["read"].bytes,
        )


class Pump:
    """TLS in memory over a socket, counting every byte that crosses it."""

    def __init__(self, context: ssl.SSLContext, end: socket.socket, *, server_side: bool) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if server_side else "shop.test"
        self.tls = context.wrap_bio(self._in, self._out, server_side, name)
        self._end = end
        self.written = self.read = 0

    def shake(self) -> bool:
        """One step of the handshake; whether it is done."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def move(self, other: "Pump") -> None:
        """Carry what waits over the socket to the other end."""
        data = self._out.read()
        if data:
            self._end.sendall(data)
            self.written += len(data)
            other.take(len(data))

    def take(self, size: int) -> None:
        """Take exactly so many bytes off the socket."""
        while size:
            data = self._end.recv(size)
            self._in.write(data)
            self.read += len(data)
            size -= len(data)
