"""
The HTTP machine in the kernel against messages that are cut anywhere.

Both ends are sockets of this process, watched for real; the truth is what the test composed.
"""

import os
import random
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from podwire.capture import Kernel
from podwire.model.flow import Protocol, Role

pytestmark = pytest.mark.root

NAMES = (
    "Content-Type", "Content-Lengthy", "X-Content-Length", "Content-Length-Of", "Cookie", "TE",
    "T", "C", "Transfer-Encodings", "Trailer", "Content-Encoding", "Accept", "x" * 300,
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD")
STATUSES = (200, 201, 204, 301, 304, 404, 500, 503)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """The real source, watching this very process."""
    source = Kernel()
    source.watch([os.getpid()])
    yield source
    source.close()


class Composer:
    """Messages with every freedom that HTTP/1.1 gives a sender."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def case(self, name: str) -> str:
        """A header's name in any mixture of cases."""
        return "".join(self.random.choice((c.upper(), c.lower())) for c in name)

    def headers(self) -> list[str]:
        """Headers that only look like those that matter."""
        chosen = self.random.sample(NAMES, self.random.randrange(5))
        return [f"{self.case(name)}: {self.random.randrange(10**6)}" for name in chosen]

    def body(self) -> tuple[list[str], bytes]:
        """A body and the header that frames it."""
        data = self.random.randbytes(self.random.choice((0, 1, 7, 255, 256, 257, 3000)))
        if self.random.random() < 0.5:
            space = self.random.choice(("", " ", "\t "))
            return [f"{self.case('content-length')}:{space}{len(data)}"], data
        return [f"{self.case('transfer-encoding')}: {self.case('chunked')}"], self.chunks(data)

    def chunks(self, data: bytes) -> bytes:
        """The same in chunks of any size, with extensions and trailers now and then."""
        out = b""
        while data:
            size = min(len(data), self.random.choice((1, 10, 500)))
            extension = b";a=b" if self.random.random() < 0.3 else b""
            out += f"{size:x}".encode() + extension + b"\r\n" + data[:size] + b"\r\n"
            data = data[size:]
        trailer = b"Trailer-Of-It: 1\r\n" if self.random.random() < 0.3 else b""
        return out + b"0\r\n" + trailer + b"\r\n"

    def head(self, first: str, framing: list[str]) -> bytes:
        """A head with its headers in any order."""
        lines = [*self.headers(), *framing]
        self.random.shuffle(lines)
        return "\r\n".join([first, *lines, "", ""]).encode()

    def request(self) -> tuple[str, bytes]:
        """A method and the bytes of its request."""
        method = self.random.choice(METHODS)
        framing, body = self.body() if method in ("POST", "PUT", "PATCH") else ([], b"")
        return method, self.head(
            f"{method} /{'p' * self.random.randrange(400)} HTTP/1.1", framing
        ) + body

    def response(self, method: str) -> tuple[int, bytes]:
        """A final status and the bytes of its response, with a 100 before it now and then."""
        status = self.random.choice(STATUSES)
        framing, body = self.body()
        if method == "HEAD" or status in (204, 304):
            body = b""
        informed = b"HTTP/1.1 100 Continue\r\n\r\n" if self.random.random() < 0.1 else b""
        return status, informed + self.head(f"HTTP/1.1 {status} Whatever", framing) + body

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The bytes cut anywhere."""
        while data:
            size = self.random.choice((1, 2, 15, 16, 17, 100, 256, 4096, len(data)))
            yield data[:size]
            data = data[size:]


def carry(composer: Composer, sender: socket.socket, receiver: socket.socket, data: bytes) -> None:
    """Send in pieces, receive in others."""
    for piece in composer.pieces(data):
        sender.sendall(piece)
        left = len(piece)
        while left:
            left -= len(
                receiver.recv(composer.random.choice((1, 50, left)) if left < 600 else left)
            )


@pytest.mark.parametrize("seed", range(12))
def test_messages_cut_anywhere_are_counted_whole(kernel: Kernel, seed: int) -> None:
    """Requests, statuses and sizes of both ends equal what was composed; nothing is ambiguous."""
    composer = Composer(seed)
    requests = request_bytes = response_bytes = 0
    statuses: Counter[int] = Counter()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(6):
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            with client, server:
                for _ in range(composer.random.randrange(1, 6)):
                    batch = [composer.request() for _ in range(composer.random.choice((1, 1, 4)))]
                    carry(composer, client, server, b"".join(data for _, data in batch))
                    answers = [composer.response(method) for method, _ in batch]
                    carry(composer, server, client, b"".join(data for _, data in answers))
                    requests += len(batch)
                    request_bytes += sum(len(data) for _, data in batch)
                    response_bytes += sum(len(data) for _, data in answers)
                    statuses.update(status for status, _ in answers)

    flows = kernel.drain()
    assert {} == kernel.losses()
    for role in (Role.CLIENT, Role.SERVER):
        mine = [flow.http for flow in flows if flow.key.role is role and flow.http]
        found: Counter[int] = Counter()
        for http in mine:
            found.update(http.responses)
        assert (requests, request_bytes, response_bytes) == (
            sum(http.requests for http in mine),
            sum(http.request_bytes for http in mine),
            sum(http.response_bytes for http in mine),
        ), role
        assert statuses == found, role
    assert {Protocol.HTTP1} == {flow.key.protocol for flow in flows}
