"""
HTTP over Python's TLS, by a socket's calls or by asyncio's, which keeps records in memory.

`sealed.py socket|asyncio serve ADDRESS PORT CHAIN KEY`
`sealed.py socket|asyncio get ADDRESS PORT SHAPE METHOD TARGET BODY...`

The shapes are those of `exact/plaintext.py`; ten and piped are the socket's alone.
"""

import asyncio
import json
import socket
import ssl
import sys
import threading
from collections import Counter


def answer_to(head: bytes) -> bytes:
    """As many bytes as the path says."""
    target = head.split(b" ")[1].decode()[1:]
    size, status = (int(target), "200 OK") if target.isdecimal() else (0, "404 Not Found")
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size


def length_of(head: bytes) -> int:
    lines = [line.partition(b":") for line in head.split(b"\r\n")]
    return next((int(v) for name, _, v in lines if name.lower() == b"content-length"), 0)


def question(method: str, target: str, size: int) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: exact.test\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + b"u" * size


def serving(chain: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def asking() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Plain:
    """A connection whose calls block."""

    def __init__(self, channel: ssl.SSLSocket) -> None:
        self._channel = channel
        self._rest = b""

    def head(self) -> bytes:
        """Up to the blank line; empty at the end."""
        while b"\r\n\r\n" not in self._rest:
            data = self._channel.recv(65536)
            if not data:
                return b""
            self._rest += data
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def skip(self, size: int) -> None:
        size -= len(self._rest)
        self._rest = self._rest[len(self._rest) + size :] if size < 0 else b""
        while size > 0:
            size -= len(self._channel.recv(min(size, 65536)))

    def send(self, data: bytes) -> None:
        self._channel.sendall(data)


def attend(context: ssl.SSLContext, connection: socket.socket) -> None:
    with connection, context.wrap_socket(connection, server_side=True) as channel:
        line = Plain(channel)
        while head := line.head():
            line.skip(length_of(head))
            line.send(answer_to(head))


def serve(address: str, port: int, chain: str, key: str) -> None:
    context, listener = serving(chain, key), socket.create_server((address, port))
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=attend, args=(context, connection), daemon=True).start()


def get(address: str, port: int, shape: str, wishes: list[str]) -> None:
    context, counts = asking(), Counter[str]()
    open_lines: list[ssl.SSLSocket] = []

    def ask(method: str, target: str, size: int, counts: Counter[str]) -> None:
        if not open_lines:
            open_lines.append(context.wrap_socket(socket.create_connection((address, port))))
        line, data = Plain(open_lines[0]), question(method, target, size)
        line.send(data)
        note(counts, data, head := line.head())
        line.skip(length_of(head))

    if shape == "older":
        ask("GET", "/850", 0, Counter())
    print("ready", flush=True)
    sys.stdin.readline()
    for at in range(0, len(wishes), 3):
        ask(wishes[at], wishes[at + 1], int(wishes[at + 2]), counts)
        if shape == "fresh":
            open_lines.pop().close()
    for line in open_lines:
        line.close()
    print(json.dumps(counts))


def get_piped(address: str, port: int, wishes: list[str]) -> None:
    """All that is asked for at once, over one connection, before the first answer is read."""
    context, counts = asking(), Counter[str]()
    texts = [question(wishes[at], wishes[at + 1], 0) for at in range(0, len(wishes), 3)]
    print("ready", flush=True)
    sys.stdin.readline()
    with context.wrap_socket(socket.create_connection((address, port))) as channel:
        line = Plain(channel)
        line.send(b"".join(texts))
        for data in texts:
            note(counts, data, head := line.head())
            line.skip(length_of(head))
    print(json.dumps(counts))


def get_at_once(address: str, port: int, wishes: list[str]) -> None:
    """All wishes on each of ten connections."""
    context, books = asking(), [Counter[str]() for _ in range(10)]

    def visit(counts: Counter[str]) -> None:
        with context.wrap_socket(socket.create_connection((address, port))) as channel:
            line = Plain(channel)
            for at in range(0, len(wishes), 3):
                line.send(data := question(wishes[at], wishes[at + 1], int(wishes[at + 2])))
                note(counts, data, head := line.head())
                line.skip(length_of(head))

    print("ready", flush=True)
    sys.stdin.readline()
    visitors = [threading.Thread(target=visit, args=(counts,)) for counts in books]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    print(json.dumps(sum(books, Counter())))


def note(counts: Counter[str], data: bytes, head: bytes) -> None:
    size = len(head) + length_of(head)
    if not counts:
        counts.update({"first_request_bytes": len(data), "first_response_bytes": size})
    status = f"status_{int(head.split()[1])}"
    counts.update({"request_bytes": len(data), "response_bytes": size, status: 1})


async def serve_async(address: str, port: int, chain: str, key: str) -> None:
    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await head_of(reader):
            await reader.readexactly(length_of(head))
            writer.write(answer_to(head))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(attend, address, port, ssl=serving(chain, key))
    print("ready", flush=True)
    await server.serve_forever()


async def head_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return b""


async def get_async(address: str, port: int, shape: str, wishes: list[str]) -> None:
    counts = Counter[str]()
    lines: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(method: str, target: str, size: int, counts: Counter[str]) -> None:
        if not lines:
            lines.append(await asyncio.open_connection(address, port, ssl=asking()))
        (reader, writer), data = lines[0], question(method, target, size)
        writer.write(data)
        await writer.drain()
        note(counts, data, head := await head_of(reader))
        await reader.readexactly(length_of(head))

    async def hang_up() -> None:
        _, writer = lines.pop()
        writer.close()
        await writer.wait_closed()

    if shape == "older":
        await ask("GET", "/850", 0, Counter())
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for at in range(0, len(wishes), 3):
        await ask(wishes[at], wishes[at + 1], int(wishes[at + 2]), counts)
        if shape == "fresh":
            await hang_up()
    while lines:
        await hang_up()
    print(json.dumps(counts))


def main() -> None:
    kind, role, address, port, *rest = sys.argv[1:]
    if kind == "asyncio" and role == "serve":
        asyncio.run(serve_async(address, int(port), *rest))
    elif kind == "asyncio":
        asyncio.run(get_async(address, int(port), rest[0], rest[1:]))
    elif role == "serve":
        serve(address, int(port), *rest)
    elif rest[0] == "piped":
        get_piped(address, int(port), rest[1:])
    elif rest[0] == "ten":
        get_at_once(address, int(port), rest[1:])
    else:
        get(address, int(port), rest[0], rest[1:])


if __name__ == "__main__":
    main()
