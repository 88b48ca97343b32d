"""
A TCP connection whose every call is entered in a book.

In: bytes.  Out: bytes, and counts. Only calls that moved bytes count; waiting for bytes is a poll
and not a read, so that a read's time is the read's own.
"""

import fcntl
import select
import socket
import struct
import termios
import time
from dataclasses import dataclass

from podwire.demo.shop.book import Account, Book

TCP_INFO_SIZE = 104
RTT_OFFSET, RETRANSMITS_OFFSET = 68, 100
clock_ns = time.monotonic_ns


@dataclass(frozen=True, slots=True)
class Moment:
    """A call in time, by the program's own clock."""

    before_ns: int
    after_ns: int


class Ended(ConnectionError):
    """The peer has closed."""


class Line:
    """One connection and the account it is entered in."""

    def __init__(self, connection: socket.socket, book: Book, account: Account) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._book = book
        self.account = account
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    def send(self, data: bytes) -> Moment:
        """Send all of it; the time from the first call to the last."""
        first_ns = clock_ns()
        while data:
            rtt_us = self._info(RTT_OFFSET)
            before_ns = clock_ns()
            sent = self._socket.send(data)
            last_ns = clock_ns()
            with self._book.lock:
                self.account.write.note(sent, last_ns - before_ns)
            self._note_rtt(rtt_us)
            data = data[sent:]
        return Moment(first_ns, last_ns)

    def receive(self) -> tuple[bytes, Moment]:
        """Whatever comes next. Raises `Ended`."""
        self._poll.poll()
        rtt_us = self._info(RTT_OFFSET)
        before_ns = clock_ns()
        data = self._socket.recv(65536)
        moment = Moment(before_ns, clock_ns())
        if not data:
            raise Ended
        with self._book.lock:
            self.account.read.note(len(data), moment.after_ns - before_ns)
        self._note_rtt(rtt_us)
        return data, moment

    def close(self) -> None:
        """Close once everything is acknowledged, so that the last retransmit is in the book."""
        while self._unacknowledged():
            time.sleep(0.001)
        retransmits = self._info(RETRANSMITS_OFFSET)
        before_ns = clock_ns()
        self._socket.close()
        time_ns = clock_ns() - before_ns
        with self._book.lock:
            self.account.retransmits += retransmits
            self.account.close.note(0, time_ns)

    def _note_rtt(self, before_us: int) -> None:
        after_us = self._info(RTT_OFFSET)
        with self._book.lock:
            for rtt_us in (before_us, after_us):
                if rtt_us:
                    self.account.rtt.note(rtt_us)

    def _info(self, offset: int) -> int:
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
        return int(struct.unpack_from("<I", info, offset)[0])

    def _unacknowledged(self) -> int:
        answer = fcntl.ioctl(self._socket, termios.TIOCOUTQ, b"\0\0\0\0")
        return int(struct.unpack("<i", answer)[0])


def dial(address: str, port: int, book: Book, peer: str) -> Line:
    """Connect as a client."""
    account = book.account("client", peer)
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    before_ns = clock_ns()
    connection.connect((address, port))
    time_ns = clock_ns() - before_ns
    with book.lock:
        account.open.note(0, time_ns)
    return Line(connection, book, account)


def answer(listener: socket.socket, book: Book, peer: str) -> Line:
    """Wait for a client; the accept itself does not wait."""
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    waiting.poll()
    before_ns = clock_ns()
    connection, _ = listener.accept()
    time_ns = clock_ns() - before_ns
    account = book.account("server", peer)
    with book.lock:
        account.open.note(0, time_ns)
    return Line(connection, book, account)
