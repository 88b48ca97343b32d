"""
A client that moves bytes by the system call it is told, inside a program that is watched.

In: the names of two calls.  Out: counts.  Calls that Python does not have are the C library's.
"""

import ctypes
import os
import socket
import tempfile
from collections.abc import Callable

from exact.ask import asked, dial, exchange, request
from exact.line import Book, Line

LIBC = ctypes.CDLL(None, use_errno=True)
SO_ZEROCOPY, MSG_ZEROCOPY, MSG_TRUNC, MSG_MORE = 60, 0x4000000, 0x20, 0x8000


class Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(Vector)),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("moved", ctypes.c_uint),
    )


def vectors(*buffers: ctypes.Array[ctypes.c_char]) -> ctypes.Array[Vector]:
    """An iovec for each buffer."""
    return (Vector * len(buffers))(
        *(Vector(ctypes.addressof(each), ctypes.sizeof(each)) for each in buffers)
    )


def halves(data: bytes) -> ctypes.Array[Vector]:
    """Two iovecs of some bytes; the buffers live as long as they do."""
    cut = len(data) // 2
    buffers = [ctypes.create_string_buffer(part, len(part)) for part in (data[:cut], data[cut:])]
    found = vectors(*buffers)
    found.buffers = buffers  # type: ignore[attr-defined]
    return found


def done(result: int) -> int:
    """The result of a C call. Raises OSError."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def write(end: socket.socket, data: bytes) -> int:
    return os.write(end.fileno(), data)


def writev(end: socket.socket, data: bytes) -> int:
    return os.writev(end.fileno(), [data[:9], b"", data[9:]])


def pwritev2(end: socket.socket, data: bytes) -> int:
    offset = ctypes.c_long(-1)
    return done(LIBC.pwritev2(end.fileno(), halves(data), 2, offset, 0))


def send_more(end: socket.socket, data: bytes) -> int:
    """MSG_MORE holds the bytes back until the next call; there is none, so it is switched off."""
    sent = end.send(data, MSG_MORE)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sent


def send_zerocopy(end: socket.socket, data: bytes) -> int:
    end.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    return end.send(data, MSG_ZEROCOPY)


def sendmsg(end: socket.socket, data: bytes) -> int:
    return end.sendmsg([data[:5], data[5:]])


def sendmmsg(end: socket.socket, data: bytes) -> int:
    parts = halves(data)
    messages = (Message * 2)(*(Message(vectors=parts, count=1) for _ in range(2)))
    messages[1].vectors = ctypes.pointer(parts[1])
    assert done(LIBC.sendmmsg(end.fileno(), messages, 2, 0)) == 2
    return sum(each.moved for each in messages)


def sendfile(end: socket.socket, data: bytes) -> int:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return os.sendfile(end.fileno(), file.fileno(), 0, len(data))


def splice_out(end: socket.socket, data: bytes) -> int:
    """From a pipe."""
    out, into = os.pipe()
    os.write(into, data)
    moved = os.splice(out, end.fileno(), len(data))
    os.close(out)
    os.close(into)
    return moved


def read(end: socket.socket, size: int) -> int:
    return len(os.read(end.fileno(), size))


def readv(end: socket.socket, size: int) -> int:
    return os.readv(end.fileno(), [bytearray(10), bytearray(size - 10)])


def preadv2(end: socket.socket, size: int) -> int:
    buffer = ctypes.create_string_buffer(size)
    return done(LIBC.preadv2(end.fileno(), vectors(buffer), 1, ctypes.c_long(-1), 0))


def recvmsg(end: socket.socket, size: int) -> int:
    return end.recvmsg_into([bytearray(7), bytearray(size)])[0]


def recvmmsg(end: socket.socket, size: int) -> int:
    """One message, which a stream fills with what there is."""
    buffer = ctypes.create_string_buffer(size)
    messages = (Message * 1)(Message(vectors=vectors(buffer), count=1))
    assert done(LIBC.recvmmsg(end.fileno(), messages, 1, 0, None)) == 1
    return int(messages[0].moved)


def recv_waitall(end: socket.socket, size: int) -> int:
    return len(end.recv(size, socket.MSG_WAITALL))


def recv_truncated(end: socket.socket, size: int) -> int:
    """MSG_TRUNC on TCP throws the bytes away: they are taken, and no buffer has them."""
    return done(LIBC.recv(end.fileno(), None, size, MSG_TRUNC))


def splice_in(end: socket.socket, size: int) -> int:
    """Into a pipe."""
    out, into = os.pipe()
    moved = os.splice(end.fileno(), into, size)
    os.read(out, moved)
    os.close(out)
    os.close(into)
    return moved


Sender = Callable[[socket.socket, bytes], int]
Receiver = Callable[[socket.socket, int], int]

SENDERS: dict[str, Sender] = {
    "write": write,
    "writev": writev,
    "pwritev2": pwritev2,
    "send with MSG_MORE": send_more,
    "send with MSG_ZEROCOPY": send_zerocopy,
    "sendmsg": sendmsg,
    "sendmmsg": sendmmsg,
    "sendfile": sendfile,
    "splice": splice_out,
}
RECEIVERS: dict[str, Receiver] = {
    "read": read,
    "readv": readv,
    "preadv2": preadv2,
    "recvmsg": recvmsg,
    "recvmmsg": recvmmsg,
    "recv with MSG_WAITALL": recv_waitall,
    "recv with MSG_TRUNC": recv_truncated,
    "splice": splice_in,
}
WITHOUT_MEMORY = {"sendfile", "splice", "recv with MSG_TRUNC"}
"""They move bodies only: nobody can read a head there."""


def move(
    book: Book,
    address: str,
    port: int,
    target: str,
    times: int,
    sender: str = "write",
    receiver: str = "read",
) -> None:
    """Ask so often, each request by the one call and each answer by the other."""
    line = dial(address, port, book)
    head, body = request(target, "POST", 3000)
    exchange(line, head, body)
    length = book.counts["response_bytes"]
    for _ in range(times):
        _send(line, head, body, sender)
        asked(line, head + body)
        _receive(line, length, receiver)
    line.close()


def _send(line: Line, head: bytes, body: bytes, name: str) -> None:
    data = head + body
    if name in WITHOUT_MEMORY:
        line.send(head)
        data = body
    sent = SENDERS[name](line.socket, data)
    assert sent == len(data), (name, sent)
    line.book.note(writes=1, write_bytes=sent)


def _receive(line: Line, length: int, name: str) -> None:
    left = length
    if name in WITHOUT_MEMORY:
        left -= len(line.exactly(length - 850))
    while left:
        got = RECEIVERS[name](line.socket, max(left, 20) if "WAITALL" not in name else left)
        line.book.note(reads=1, read_bytes=got)
        left -= got
    line.book.note(responses=1, response_bytes=length)
    line.book.status(200)
