"""
Clients of the suite: each scene is one way to ask, and its book says what it really did.

In: where to ask and for what.  Out: counts.  An exchange's true duration lies between `inner_ns`
(after the first call to before the last) and `outer_ns` (before the first to after the last).
"""

import contextlib
import errno
import os
import select
import socket
import ssl
import struct
import threading
import time
from typing import Any

from exact.line import Book, Ended, Line, header

SECOND_NS = 1_000_000_000
LONG = "long"


def dial(address: str, port: int, book: Book) -> Line:
    """Connect, and enter the connect."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    before_ns = time.monotonic_ns()
    connection.connect((address, port))
    book.note(connects=1, connect_ns=time.monotonic_ns() - before_ns)
    return Line(connection, book)


def request(
    target: str, method: str = "GET", body: int = 0, headers: tuple[str, ...] = ()
) -> tuple[bytes, bytes]:
    """Head and body of a request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: exact.test", "User-Agent: exact", *headers]
    if body:
        lines.append(f"Content-Length: {body}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode(), b"u" * body


def answer(line: Line, *, is_head: bool = False, size: int = 65536) -> int:
    """Read one answer, with what informs before it; its status."""
    head = line.head(size)
    status = int(head.split()[1])
    line.book.note(response_bytes=len(head))
    if status == 100:
        return answer(line, is_head=is_head, size=size)
    length = header(head, "content-length")
    if is_head or status in (101, 204, 304):
        body = 0
    elif header(head, "transfer-encoding"):
        body = line.chunks()
    elif length is not None:
        body = _body(line, int(length), size)
    else:
        body = line.until_end(size)
    line.book.note(responses=1, response_bytes=body)
    line.book.status(status)
    return status


def _body(line: Line, length: int, size: int) -> int:
    left = length - len(line.rest)
    line.exactly(min(length, len(line.rest)))
    while left > 0:
        left -= len(line.receive(min(left, size)))
    return length


def asked(line: Line, data: bytes) -> None:
    line.book.note(requests=1, request_bytes=len(data))


def exchange(line: Line, head: bytes, body: bytes, *, size: int = 65536) -> int:
    """Ask and read the answer; its status."""
    line.begin()
    line.send(head + body)
    asked(line, head + body)
    status = answer(line, is_head=head.startswith(b"HEAD"), size=size)
    finish_exchange(line)
    return status


def finish_exchange(line: Line) -> None:
    """Enter how long it took, at least and at most."""
    inner_ns = max(0, line.last[0] - line.first[1])
    line.book.note(inner_ns=inner_ns, outer_ns=line.last[1] - line.first[0])


def gets(
    book: Book,
    address: str,
    port: int,
    wishes: list[list[Any]],
    *,
    connections: int = 1,
    is_fresh: bool = False,
    pause_ms: float = 0,
    size: int = 65536,
) -> None:
    """
    Ask for everything in a list of [method, target, size of the body], in order.

    On so many connections at once, each with the whole list; fresh: a connection for each wish.
    A target that took a second is entered by its name.
    """

    def visit() -> None:
        line: Line | None = None
        for method, target, body in wishes:
            line = line or dial(address, port, book)
            head, data = request(target, method, body)
            exchange(line, head, data, size=size)
            if line.last[1] - line.first[0] >= SECOND_NS:
                book.note(**{f"{LONG} {target}": 1})
            if is_fresh:
                line.close()
                line = None
            time.sleep(pause_ms / 1000)
        if line:
            line.close()

    threads = [threading.Thread(target=visit) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def pieces(book: Book, address: str, port: int, target: str, cuts: list[int], times: int) -> None:
    """The head of a request in several sends, cut at these places."""
    line = dial(address, port, book)
    head, _ = request(target)
    for _ in range(times):
        line.begin()
        for start, stop in zip([0, *cuts], [*cuts, len(head)], strict=True):
            line.send(head[start:stop])
        asked(line, head)
        answer(line)
        finish_exchange(line)
    line.close()


def pipelined(book: Book, address: str, port: int, target: str, depth: int, times: int) -> None:
    """Several requests in one send, then all the answers."""
    line = dial(address, port, book)
    head, _ = request(target)
    for _ in range(times):
        line.send(head * depth)
        for _ in range(depth):
            asked(line, head)
            answer(line)
    line.close()


def expecting(book: Book, address: str, port: int, target: str, body: int, times: int) -> None:
    """Wait for 100 Continue before the body is sent."""
    line = dial(address, port, book)
    head, data = request(target, "POST", body, ("Expect: 100-continue",))
    for _ in range(times):
        line.send(head)
        informed = line.head()
        assert informed.startswith(b"HTTP/1.1 100 ")
        book.note(response_bytes=len(informed))
        line.send(data)
        asked(line, head + data)
        answer(line)
    line.close()


def chunked(book: Book, address: str, port: int, target: str, times: int) -> None:
    """A request whose body comes in chunks, each in a send of its own."""
    line = dial(address, port, book)
    head, _ = request(target, "POST", 0, ("Transfer-Encoding: chunked",))
    parts = [head, *(b"%x\r\n%s\r\n" % (size, b"c" * size) for size in (10, 70, 5)), b"0\r\n\r\n"]
    for _ in range(times):
        for part in parts:
            line.send(part)
        asked(line, b"".join(parts))
        answer(line)
    line.close()


def gathered(book: Book, address: str, port: int, target: str, body: int, times: int) -> None:
    """Head and body of a request in one sendmsg."""
    line = dial(address, port, book)
    head, data = request(target, "POST", body)
    for _ in range(times):
        line.gather(head, data)
        asked(line, head + data)
        answer(line)
    line.close()


def give_up(book: Book, address: str, port: int, target: str, wait_ms: int, times: int) -> None:
    """Ask, and close before the answer comes."""
    head, _ = request(target)
    for _ in range(times):
        line = dial(address, port, book)
        line.send(head)
        asked(line, head)
        assert not select.select([line.socket], [], [], wait_ms / 1000)[0]
        line.close()


def half(book: Book, address: str, port: int, target: str) -> None:
    """Half a request, then nothing."""
    line = dial(address, port, book)
    head, _ = request(target)
    line.send(head[: len(head) // 2])
    line.close()


def refused(book: Book, address: str, port: int, times: int) -> None:
    """Connect where nobody listens."""
    for _ in range(times):
        try:
            dial(address, port, book)
        except OSError as error:
            book.note(**{f"failed_{errno.errorcode[error.errno or 0]}": 1})


def peeking(book: Book, address: str, port: int, target: str, times: int) -> None:
    """Look at each answer's first bytes before they are read."""
    line = dial(address, port, book)
    head, _ = request(target)
    for _ in range(times):
        line.send(head)
        asked(line, head)
        for size in (1, 100):
            assert len(line.socket.recv(size, socket.MSG_PEEK)) == size
        answer(line)
    line.close()


def background(book: Book, address: str, port: int, target: str, times: int) -> None:
    """Connections whose connect does not wait."""
    head, data = request(target)
    for _ in range(times):
        connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection.connect((address, port))
        assert select.select([], [connection], [], 10)[1]
        assert not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        book.note(connects=1)
        connection.setblocking(True)
        line = Line(connection, book)
        exchange(line, head, data)
        line.close()


def reset(book: Book, address: str, port: int, target: str, times: int) -> None:
    """Read a little of a long answer and reset the connection."""
    head, _ = request(target)
    for _ in range(times):
        line = dial(address, port, book)
        line.send(head)
        asked(line, head)
        line.head()
        line.exactly(5000)
        _reset(line)


def _reset(line: Line) -> None:
    """Close without a farewell."""
    line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.socket.close()
    line.book.note(closes=1)


def reset_idle(book: Book, address: str, port: int, target: str, times: int) -> None:
    """Reset the connection when nothing is underway."""
    head, body = request(target)
    for _ in range(times):
        line = dial(address, port, book)
        exchange(line, head, body)
        _reset(line)


def half_close(book: Book, address: str, port: int, target: str, times: int) -> None:
    """Say that nothing more will be asked, then read the answer."""
    head, _ = request(target)
    for _ in range(times):
        line = dial(address, port, book)
        line.send(head)
        asked(line, head)
        line.socket.shutdown(socket.SHUT_WR)
        answer(line)
        with contextlib.suppress(Ended):
            line.receive()
        line.close()


def early(book: Book, address: str, port: int, target: str, body: int, times: int) -> None:
    """An answer that is there before the request's body has been sent."""
    line = dial(address, port, book)
    head, data = request(target, "POST", body)
    for _ in range(times):
        line.send(head + data[: body // 2])
        answer(line)
        line.send(data[body // 2 :])
        asked(line, head + data)
    line.close()


def tunnel(book: Book, address: str, port: int, method: str, target: str, times: int) -> None:
    """An upgrade or a CONNECT, and then bytes that look like requests and are none."""
    wish = ("Upgrade: websocket", "Connection: Upgrade") if method == "GET" else ()
    head, _ = request(target, method, 0, wish)
    inner, _ = request("/200/5")
    line = dial(address, port, book)
    line.send(head)
    asked(line, head)
    answered = line.head()
    book.note(responses=1, response_bytes=len(answered))
    book.status(int(answered.split()[1]))
    for _ in range(times):
        line.send(inner)
        line.exactly(len(inner))
    line.socket.shutdown(socket.SHUT_WR)
    line.until_end()
    line.close()


def older(book: Book, address: str, port: int, target: str, times: int) -> None:
    """Use a connection once, say so, and go on when told to; only what comes then is entered."""
    line = dial(address, port, Book())
    head, data = request(target)
    exchange(line, head, data)
    print("ready", flush=True)
    os.read(0, 1)
    line.book = book
    for _ in range(times):
        exchange(line, head, data)
    line.close()


def secured(
    book: Book, address: str, port: int, wishes: list[list[Any]], *, is_fresh: bool = False
) -> None:
    """Ask over TLS; only the answers are entered, what crosses the socket is the library's."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    groups = [[wish] for wish in wishes] if is_fresh else [wishes]
    for group in groups:
        with (
            socket.create_connection((address, port)) as plain,
            context.wrap_socket(plain) as channel,
        ):
            for method, target, body in group:
                channel.sendall(b"".join(request(target, method, body)))
                _secured_answer(channel)
                book.note(responses=1)


def _secured_answer(channel: ssl.SSLSocket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += channel.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    left = int(header(head, "content-length") or 0) - len(body)
    while left:
        left -= len(channel.recv(left))
