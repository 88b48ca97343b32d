"""
A TCP connection whose every call is entered in a book, inside a program that is watched.

In: bytes.  Out: bytes, and counts.  Nothing here knows podwire.  Only calls that moved bytes count
as reads and writes; times are the program's own clock before and after a call.
"""

import fcntl
import socket
import struct
import termios
import threading
import time
from collections import Counter

INFO_SIZE = 232
RTT, RETRANSMITS, ACKED, RECEIVED, DATA_SEGMENTS = 68, 100, 120, 128, 156
RETRANSMITTED_BYTES = 208
clock_ns = time.monotonic_ns


class Book:
    """Counts by name, for all threads of a program."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def note(self, **increases: int) -> None:
        with self._lock:
            self.counts.update(increases)

    def status(self, code: int) -> None:
        self.note(**{f"status_{code}": 1})


class Ended(ConnectionError):
    """The peer has closed."""


class Line:
    """One connection."""

    def __init__(self, connection: socket.socket, book: Book) -> None:
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connection
        self.book = book
        self.rest = b""
        """What was read beyond the last message."""

        self.first = self.last = (0, 0)
        """Before and after the first and the last call since `begin`."""

    def begin(self) -> None:
        """The next call is the first of an exchange."""
        self.first = (0, 0)

    def send(self, data: bytes, flags: int = 0) -> None:
        while data:
            data = data[self._timed_send(data, flags) :]

    def _timed_send(self, data: bytes, flags: int) -> int:
        rtt_us, before_ns = self.info(RTT), clock_ns()
        sent = self.socket.send(data, flags)
        self._called(before_ns, "write", sent, rtt_us)
        return sent

    def gather(self, *parts: bytes) -> None:
        """One sendmsg of several buffers; they must fit."""
        rtt_us, before_ns = self.info(RTT), clock_ns()
        sent = self.socket.sendmsg(parts)
        self._called(before_ns, "write", sent, rtt_us)
        assert sent == sum(map(len, parts))

    def receive(self, size: int = 65536) -> bytes:
        """Whatever comes next. Raises `Ended`."""
        rtt_us, before_ns = self.info(RTT), clock_ns()
        data = self.socket.recv(size)
        if not data:
            raise Ended
        self._called(before_ns, "read", len(data), rtt_us)
        return data

    def _called(self, before_ns: int, what: str, size: int, rtt_us: int) -> None:
        """Enter a call; TCP_INFO before and after it bound the round trip that it saw."""
        self.last = before_ns, clock_ns()
        if not self.first[0]:
            self.first = self.last
        time_ns = self.last[1] - before_ns
        self.book.note(**{f"{what}s": 1, f"{what}_bytes": size, f"{what}_ns": time_ns})
        around_us = rtt_us, self.info(RTT)
        self.book.note(rtt_low_us=min(around_us), rtt_high_us=max(around_us))

    def exactly(self, size: int) -> bytes:
        """So many bytes, what is left over from before first."""
        data, self.rest = self.rest[:size], self.rest[size:]
        while len(data) < size:
            data += self.receive(min(size - len(data), 65536))
        return data

    def head(self, size: int = 65536) -> bytes:
        """Up to the blank line and with it; what comes after stays in `rest`."""
        data, self.rest = self.rest, b""
        while b"\r\n\r\n" not in data:
            data += self.receive(size)
        cut = data.index(b"\r\n\r\n") + 4
        self.rest = data[cut:]
        return data[:cut]

    def chunks(self) -> int:
        """Read a chunked body to its end; its length, framing included."""
        total = 0
        while True:
            while b"\r\n" not in self.rest:
                self.rest += self.receive()
            line = self.rest[: self.rest.index(b"\r\n") + 2]
            length = int(line.split(b";")[0], 16)
            total += len(self.exactly(len(line) + length + 2))
            if not length:
                return total

    def until_end(self, size: int = 65536) -> int:
        """Read until the peer has closed; how many bytes."""
        total, self.rest = len(self.rest), b""
        while True:
            try:
                total += len(self.receive(size))
            except Ended:
                return total

    def info(self, offset: int) -> int:
        """One u32 of TCP_INFO."""
        return int(struct.unpack_from("<I", self.raw_info(), offset)[0])

    def raw_info(self) -> bytes:
        """TCP_INFO, as the kernel lays it out."""
        return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_SIZE)

    def finish(self) -> None:
        """Wait until everything is acknowledged, and enter what TCP_INFO says."""
        while struct.unpack("<i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0]:
            time.sleep(0.001)
        info = self.raw_info()
        acked, received = struct.unpack_from("<QQ", info, ACKED)
        self.book.note(acked=acked, received=received)
        self.book.note(retransmits=struct.unpack_from("<I", info, RETRANSMITS)[0])

    def close(self) -> None:
        """Close once nothing is underway."""
        self.finish()
        self.socket.close()
        self.book.note(closes=1)


def header(head: bytes, name: str) -> str | None:
    """The value of a header, or None."""
    for line in head.decode().split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return None
