"""
A server of the suite: the target says what to answer.

`/STATUS/SIZE` with a query of `slow_ms`, `chunked`, `until_close`, `early`, `upgrade`.
"""

import select
import socket
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

from exact.line import Book, Ended, Line, header


def serve(book: Book, address: str, port: int, accept_after_ms: int = 0) -> None:
    """Answer connections, a thread each, until a line on standard input; then wait for them."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family, dualstack_ipv6=address == "::")
    threads: list[threading.Thread] = []
    threading.Thread(
        target=_welcome, args=(listener, book, threads, accept_after_ms), daemon=True
    ).start()
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.join()


def _welcome(
    listener: socket.socket, book: Book, threads: list[threading.Thread], accept_after_ms: int
) -> None:
    while True:
        if accept_after_ms:
            select.select([listener], [], [])
            time.sleep(accept_after_ms / 1000)
        connection, _ = listener.accept()
        book.note(accepts=1)
        thread = threading.Thread(target=attend, args=(Line(connection, book),))
        threads.append(thread)
        thread.start()


def attend(line: Line) -> None:
    """Answer until the peer closes or resets."""
    try:
        while _answer_one(line):
            pass
    except Ended:
        pass
    except ConnectionResetError:
        line.book.note(resets=1, closes=1)
        line.socket.close()
        return
    line.close()


def _answer_one(line: Line) -> bool:
    """One exchange; whether the connection goes on."""
    head = line.head()
    line.begin()
    method, target, _ = head.decode().split(" ", 2)
    parts = urlsplit(target)
    wishes = {name: values[0] for name, values in parse_qs(parts.query).items()}
    status, size = map(int, parts.path.strip("/").split("/")) if "/" in parts.path else (200, 0)
    if "early" in wishes:
        _reply(line, status, size, method, wishes)
    length = len(head) + _body(line, head)
    line.book.note(requests=1, request_bytes=length)
    if "early" in wishes:
        return True
    time.sleep(int(wishes.get("slow_ms", 0)) / 1000)
    if "mute" in wishes:
        return False
    return _reply(line, status, size, method, wishes)


def _body(line: Line, head: bytes) -> int:
    """Read a request's body; its length as it was sent."""
    if header(head, "expect"):
        line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        line.book.note(response_bytes=25)
    if header(head, "transfer-encoding"):
        return line.chunks()
    return len(line.exactly(int(header(head, "content-length") or 0)))


def _reply(line: Line, status: int, size: int, method: str, wishes: dict[str, str]) -> bool:
    body = b"x" * size
    head = f"HTTP/1.1 {status} Something\r\n"
    if "chunked" in wishes:
        step = int(wishes["chunked"])
        pieces = [body[at : at + step] for at in range(0, size, step)] + [b""]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        head += "Transfer-Encoding: chunked\r\n"
    elif "until_close" not in wishes and status not in (101, 204):
        head += f"Content-Length: {size}\r\n"
    if method == "HEAD" or status in (101, 204, 304) or method == "CONNECT":
        body = b""
    answer = head.encode() + b"\r\n" + body
    line.send(answer)
    line.book.note(responses=1, response_bytes=len(answer))
    line.book.status(status)
    if status == 101 or method == "CONNECT":
        _tunnel(line)
        return False
    return "until_close" not in wishes


def _tunnel(line: Line) -> None:
    """Send back whatever comes: this is no HTTP any more."""
    while True:
        line.send(line.receive())
