"""
A program that speaks HTTP over Python's TLS (the `_ex` functions of OpenSSL), and keeps a book.

`speak.py serve FOLDER` answers `/SIZE`, `/SIZE/until-close`; `speak.py drive PORT` does what each
line on its standard input says, a JSON object of `drive`'s arguments, and prints its book.
"""

import json
import socket
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl import SSLSocket

BOOK: Counter[str] = Counter()


def read_head(end: "SSLSocket", size: int) -> tuple[bytes, bytes]:
    """A head, and what came with it; empty when nothing comes any more."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = end.recv(size)
        if not more:
            return b"", b""
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def answer(end: "SSLSocket") -> None:
    """Serve one connection until its client is done; one that breaks off ends nobody else's."""
    end.do_handshake()
    while True:
        head, _ = read_head(end, 65536)
        if not head:
            break
        _, size, *ways = head.split(b" ")[1].decode().split("/")
        length = b"" if ways else b"Content-Length: " + size.encode() + b"\r\n"
        end.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + b"x" * int(size))
        if ways:
            break
    end.unwrap()
    end.close()


def serve(folder: Path) -> None:
    """Until it is killed."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        end, _ = listener.accept()
        secure = context.wrap_socket(end, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=answer, args=(secure,), daemon=True).start()


class Client:
    """One connection at a time; both ends take leave of each other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._end: SSLSocket | None = None

    def open(self) -> "SSLSocket":
        import ssl  # as late as that: a program may load its TLS while it is watched

        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        BOOK["connections"] += 1
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self._port)))

    def drive(
        self,
        path: str,
        *,
        requests: int = 1,
        piece: int = 1 << 20,
        read: int = 65536,
        close: bool = False,
    ) -> None:
        """So many requests on the open connection, or a new one."""
        self._end = self._end or self.open()
        for _ in range(requests):
            self._ask(self._end, path, piece, read)
        if close:
            plain = self._end.unwrap()
            assert not plain.recv(1)  # the server has closed
            plain.close()
            self._end = None

    def _ask(self, end: "SSLSocket", path: str, piece: int, read: int) -> None:
        request = f"GET {path} HTTP/1.1\r\nHost: speak\r\n\r\n".encode()
        for at in range(0, len(request), piece):
            end.sendall(request[at : at + piece])
        head, body = read_head(end, read)
        left = int(path.split("/")[1]) - len(body)
        while left:
            left -= len(end.recv(min(read, left)))
        if "until-close" in path:
            assert not end.recv(read)
        BOOK["requests"] += 1
        BOOK["sent"] += len(request)
        BOOK["received"] += len(head) + int(path.split("/")[1])


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(Path(sys.argv[2]))
    client = Client(int(sys.argv[2]))
    print("ready", flush=True)
    for line in sys.stdin:
        client.drive(**json.loads(line))
        print(json.dumps(BOOK), flush=True)
