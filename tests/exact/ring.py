"""
io_uring by hand: bytes that cross a socket without a system call of their own.

In: a socket and bytes.  Out: how many moved.  One operation at a time, by the kernel's own layout.
"""

import ctypes
import mmap
import os
import socket
import struct

from exact.ask import dial, exchange, request
from exact.line import Book

SETUP, ENTER = 425, 426
SEND, RECEIVE = 26, 27
GET_EVENTS = 1
SQ_RING, CQ_RING, SQES = 0, 0x8000000, 0x10000000
ENTRIES, ENTRY_SIZE = 4, 64
PARAMETERS_SIZE, OFFSETS_AT = 120, 40
SUBMISSION = struct.Struct("<BBHiQQIIQ24x")
"""Operation, flags, priority, descriptor, offset, address, length, flags of it, our own number."""

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
        return self._do(SEND, end, ctypes.create_string_buffer(data, len(data)))

    def receive(self, end: socket.socket, size: int) -> int:
        return self._do(RECEIVE, end, ctypes.create_string_buffer(size))

    def _do(self, what: int, end: socket.socket, data: "ctypes.Array[ctypes.c_char]") -> int:
        """Raises OSError."""
        tail = _number(self._submitted, self._tail)
        at = tail & _number(self._submitted, self._mask)
        entry = SUBMISSION.pack(
            *(what, 0, 0, end.fileno(), 0, ctypes.addressof(data), len(data), 0, 1)
        )
        self._entries[at * ENTRY_SIZE : (at + 1) * ENTRY_SIZE] = entry
        struct.pack_into("<I", self._submitted, self._array + 4 * at, at)
        struct.pack_into("<I", self._submitted, self._tail, tail + 1)
        _done(LIBC.syscall(ENTER, self._fd, 1, 1, GET_EVENTS, 0, 0))
        head = _number(self._completed, self._head)
        place = self._completions + 16 * (head & (2 * ENTRIES - 1))
        (result,) = struct.unpack_from("<i", self._completed, place + 8)
        struct.pack_into("<I", self._completed, self._head, head + 1)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return int(result)


def ringing(book: Book, address: str, port: int, target: str, times: int) -> None:
    """Ask by calls, then so often by io_uring; say so, and ask by calls once more when told to."""
    line = dial(address, port, book)
    head, body = request(target)
    exchange(line, head, body)
    ring, length = Ring(), book.counts["response_bytes"]
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


def _number(memory: mmap.mmap, at: int) -> int:
    (value,) = struct.unpack_from("<I", memory, at)
    return int(value)


def _done(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
