"""
Programs of the tests that talk over sockets and keep their own books.

`python talk.py ROLE ...` prints one JSON ledger when it ends; nothing here knows podwire.
"""

import json
import socket
import struct
import sys
from typing import Any


def response(size: int, status: str = "200 OK") -> bytes:
    """An answer with a body of so many bytes."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size


class Book:
    """Calls, bytes and connections of this process."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def note(self, name: str, count: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + count

    def send(self, connection: socket.socket, data: bytes) -> None:
        while data:
            sent = connection.send(data)
            self.note("writes")
            self.note("written", sent)
            data = data[sent:]

    def receive(self, connection: socket.socket, size: int = 65536) -> bytes:
        data = connection.recv(size)
        if data:
            self.note("reads")
            self.note("read", len(data))
        return data

    def receive_exactly(self, connection: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self.receive(connection, size - len(data))):
            data += more
        return data

    def close(self, connection: socket.socket) -> None:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        self.note("retransmits", struct.unpack_from("<I", info, 100)[0])
        connection.close()
        self.note("closes")


def serve(address: str, port: int) -> None:
    """
    Obey one line a request: the target says what to answer.

    /S/N answers status S with N bytes; a client's FIN ends its connection, `/quit` the program.
    """
    book = Book()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as listener:
        print("ready", flush=True)
        is_open = True
        while is_open:
            connection, _ = listener.accept()
            book.note("accepts")
            while head := _read_request(book, connection):
                target = head.split()[1].decode()
                if target == "/quit":
                    is_open = False
                    break
                status, size = target[1:].split("/")[:2]
                book.note("requests")
                book.note(f"status_{status}")
                answer = response(int(size), f"{status} Something")
                if head.startswith(b"HEAD") or status in ("204", "304"):
                    answer = answer[: len(answer) - int(size)]
                book.send(connection, answer)
            book.close(connection)
    print(json.dumps(book.counts), flush=True)


def _read_request(book: Book, connection: socket.socket) -> bytes:
    """A head, one byte a read is too slow: heads and bodies of tests fit one segment."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = book.receive(connection)
        if not more:
            return b""
        head += more
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    body = int(lengths[0].split(b":")[1]) if lengths else 0
    got = len(head) - head.index(b"\r\n\r\n") - 4
    if body > got:
        book.receive_exactly(connection, body - got)
    return head


def request(target: str, method: str = "GET", body: bytes = b"") -> bytes:
    """A request's bytes."""
    head = f"{method} {target} HTTP/1.1\r\nHost: test\r\n"
    head += f"Content-Length: {len(body)}\r\n" if body else ""
    return (head + "\r\n").encode() + body


def drive(address: str, port: int) -> None:
    """Run the steps on standard input, a JSON line: connect, send, receive so many, close."""
    book = Book()
    print("ready", flush=True)
    script: list[dict[str, Any]] = json.loads(sys.stdin.readline())
    connection: socket.socket | None = None
    for step in script:
        for _ in range(step.get("times", 1)):
            if step.get("connect"):
                connection = socket.create_connection((address, port))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                book.note("connects")
            assert connection
            if "send" in step:
                book.send(connection, step["send"].encode())
            if "pieces" in step:
                for piece in step["pieces"]:
                    book.send(connection, piece.encode())
            if "receive" in step:
                book.receive_exactly(connection, step["receive"])
            if step.get("close"):
                book.close(connection)
    print(json.dumps(book.counts), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        drive(sys.argv[2], int(sys.argv[3]))
