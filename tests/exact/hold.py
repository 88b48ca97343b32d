"""
Connections that are kept open until somebody has looked, with what TCP_INFO says of them then.

In: where to connect.  Out: counts.  `ready` is said once nothing moves any more; a line on standard
input closes. Closing would count on: its own segments, and a byte for the end.
"""

import socket
import struct
import sys
import time
from collections import Counter
from typing import Any

from exact.ask import dial, exchange, request
from exact.line import Book, Line

COUNTERS = {
    "total_retrans": ("<I", 100),
    "bytes_acked": ("<Q", 120),
    "bytes_received": ("<Q", 128),
    "segs_out": ("<I", 136),
    "segs_in": ("<I", 140),
    "busy_time": ("<Q", 168),
    "rwnd_limited": ("<Q", 176),
    "sndbuf_limited": ("<Q", 184),
    "delivered": ("<I", 192),
}
"""Fields of `struct tcp_info` by their place; times are in microseconds."""

SO_MAX_PACING_RATE = 47
QUIET_S, PATIENCE_S = 0.4, 20.0
"""Longer than an acknowledgement may be put off; how long that may take to come true."""


def counted(lines: list[Line]) -> Counter[str]:
    """TCP_INFO of all of them together."""
    found: Counter[str] = Counter()
    for line in lines:
        info = line.raw_info()
        found.update(
            {name: struct.unpack_from(form, info, at)[0] for name, (form, at) in COUNTERS.items()}
        )
    return found


def keep(book: Book, lines: list[Line]) -> None:
    """Say `ready` when nothing has moved for a while; the counts are those before it closes."""
    deadline_s = time.monotonic() + PATIENCE_S
    before, now = Counter[str](), counted(lines)
    while before != now:
        assert time.monotonic() < deadline_s, now - before
        before = now
        time.sleep(QUIET_S)
        now = counted(lines)
    print("ready", flush=True)
    sys.stdin.readline()
    after = counted(lines)
    assert after == now, after - now
    book.note(**after)
    for line in lines:
        line.close()


def holding(
    book: Book, address: str, port: int, wishes: list[list[Any]], connections: int = 1
) -> None:
    """Ask for everything in a list of [method, target, size of the body], on each connection."""
    lines = [dial(address, port, book) for _ in range(connections)]
    for line in lines:
        for method, target, size in wishes:
            exchange(line, *request(target, method, size))
    keep(book, lines)


def pushing(book: Book, address: str, port: int, size: int, buffer: int = 0, pace: int = 0) -> None:
    """Send so much at once, from a send buffer of that size and at that pace a second, if given."""
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    if pace:
        connection.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, pace)
    connection.connect((address, port))
    book.note(connects=1)
    line = Line(connection, book)
    line.send(b"p" * size)
    keep(book, [line])


def swallowing(book: Book, address: str, port: int, after_ms: int) -> None:
    """Accept one connection, and begin to read it only so much later."""
    listener = socket.create_server((address, port))
    print("ready", flush=True)
    connection, _ = listener.accept()
    time.sleep(after_ms / 1000)
    line = Line(connection, book)
    line.until_end()
    line.close()
