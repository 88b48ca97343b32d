"""
io_uring by hand: what happens to a socket without a system call of its own.

In: a socket, and bytes or an address.  Out: how many moved, or what was accepted.  One operation at
a time, by the kernel's own layout.
"""

import ctypes
import errno
import mmap
import os
import socket
import struct

from exact.ask import dial, exchange, request
from exact.line import Book, Line, header
from exact.serve import attend

SETUP, ENTER = 425, 426
ACCEPT, CONNECT, SEND, RECEIVE = 13, 16, 26, 27
GET_EVENTS = 1
SQ_RING, CQ_RING, SQES = 0, 0x8000000, 0x10000000
ENTRIES, ENTRY_SIZE = 4, 64
PARAMETERS_SIZE, OFFSETS_AT = 120, 40
SUBMISSION = struct.Struct("<BBHiQQIIQ24x")
"""Operation, flags, priority, descriptor, offset, address, length, flags of it, our own number."""

PLACE = struct.Struct("!2xH4s8x")
"""struct sockaddr_in behind its family, which has the machine's byte order."""

LIBC = ctypes.CDLL(None, use_errno=True)


class Ring:
    """One submission queue and its completions."""

    def __init__(self) -> None:
        parameters = bytearray(PARAMETERS_SIZE)
        place = (ctypes.c_char * PARAMETERS_SIZE).from_buffer(parameters)
        self._fd = _done(LIBC.syscall(SETUP, ENTRIES, place))
        offsets = struct.unpack_from("<20I", parameters, OFFSETS_AT)
        self._tail, self._mask, self._array = offsets[1], offsets[2], offsets[6]
        self._head, self._completions = offsets[10], offsets[15]
        self._submitted = self._map(4096, SQ_RING)
        self._completed = self._map(4096, CQ_RING)
        self._entries = self._map(ENTRIES * ENTRY_SIZE, SQES)

    def _map(self, size: int, place: int) -> mmap.mmap:
        return mmap.mmap(self._fd, size, mmap.MAP_SHARED | mmap.MAP_POPULATE, offset=place)

    def send(self, end: socket.socket, data: bytes) -> int:
        return self._do(SEND, end, ctypes.create_string_buffer(data, len(data)), len(data))

    def receive(self, end: socket.socket, size: int) -> int:
        return self.receive_into(end, ctypes.create_string_buffer(size))

    def receive_into(self, end: socket.socket, data: "ctypes.Array[ctypes.c_char]") -> int:
        return self._do(RECEIVE, end, data, len(data))

    def connect(self, end: socket.socket, address: str, port: int) -> None:
        """Raises OSError."""
        place = bytearray(PLACE.pack(port, socket.inet_aton(address)))
        struct.pack_into("=H", place, 0, socket.AF_INET)
        data = ctypes.create_string_buffer(bytes(place), len(place))
        self._do(CONNECT, end, data, 0, offset=len(place))

    def accept(self, listener: socket.socket) -> socket.socket:
        """Who comes next."""
        return socket.socket(fileno=self._do(ACCEPT, listener, None, 0))

    def _do(
        self,
        what: int,
        end: socket.socket,
        data: "ctypes.Array[ctypes.c_char] | None",
        size: int,
        offset: int = 0,
    ) -> int:
        """Raises OSError."""
        tail = _number(self._submitted, self._tail)
        at = tail & _number(self._submitted, self._mask)
        place = ctypes.addressof(data) if data is not None else 0
        entry = SUBMISSION.pack(*(what, 0, 0, end.fileno(), offset, place, size, 0, 1))
        self._entries[at * ENTRY_SIZE : (at + 1) * ENTRY_SIZE] = entry
        struct.pack_into("<I", self._submitted, self._array + 4 * at, at)
        struct.pack_into("<I", self._submitted, self._tail, tail + 1)
        _done(LIBC.syscall(ENTER, self._fd, 1, 1, GET_EVENTS, 0, 0))
        head = _number(self._completed, self._head)
        done = self._completions + 16 * (head & (2 * ENTRIES - 1))
        (result,) = struct.unpack_from("<i", self._completed, done + 8)
        struct.pack_into("<I", self._completed, self._head, head + 1)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return int(result)


def ringing(
    book: Book, address: str, port: int, target: str, times: int, *, is_older: bool = False
) -> None:
    """
    Ask by calls, then so often by io_uring; say so, and ask by calls once more when told to.

    Older: say so after the first call, too, and enter only what comes once told to go on.
    """
    first = Book() if is_older else book
    line = dial(address, port, first)
    head, body = request(target)
    exchange(line, head, body)
    if is_older:
        print("ready", flush=True)
        os.read(0, 1)
    line.book = book
    ring, length = Ring(), first.counts["response_bytes"]
    for _ in range(times):
        book.note(ring_written=ring.send(line.socket, head))
        left = length
        while left:
            got = ring.receive(line.socket, left)
            book.note(ring_read=got)
            left -= got
    print("ready", flush=True)
    os.read(0, 1)
    exchange(line, head, body)
    line.close()


def ring_dialing(
    book: Book, address: str, port: int, target: str, times: int, *, is_alone: bool
) -> None:
    """Connect so often by io_uring, and ask by calls; alone, by io_uring too."""
    ring, (head, body) = Ring(), request(target)
    for _ in range(times):
        end = socket.socket()
        ring.connect(end, address, port)
        book.note(connects=1)
        line = Line(end, book)
        if is_alone:
            book.note(ring_written=ring.send(end, head), ring_read=_answer(ring, end))
        else:
            exchange(line, head, body)
        line.close()


def _answer(ring: Ring, end: socket.socket) -> int:
    """Read one by io_uring, whose body has the length it says; its size."""
    data = ctypes.create_string_buffer(65536)
    got = ring.receive_into(end, data)
    head = data.raw[:got].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    whole = len(head) + int(header(head, "content-length") or 0)
    while got < whole:
        got += ring.receive(end, whole - got)
    return got


def ring_failing(book: Book, address: str, port: int, times: int) -> None:
    """Connect so often to a port where nobody listens."""
    ring = Ring()
    for _ in range(times):
        with socket.socket() as end:
            try:
                ring.connect(end, address, port)
            except OSError as error:
                book.note(**{f"failed_{errno.errorcode[error.errno or 0]}": 1})


def ring_welcoming(book: Book, address: str, port: int, times: int) -> None:
    """Accept so many connections by io_uring, one after another, and answer them by calls."""
    listener, ring = socket.create_server((address, port)), Ring()
    print("ready", flush=True)
    for _ in range(times):
        attend(Line(ring.accept(listener), book))
        book.note(ring_accepts=1)


def _number(memory: mmap.mmap, at: int) -> int:
    (value,) = struct.unpack_from("<I", memory, at)
    return int(value)


def _done(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
