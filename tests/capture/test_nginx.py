"""
A real nginx with master and workers against its own access log.

Its log says of each request the status, the bytes of the request and the bytes that were sent.
"""

import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from podwire.capture import Kernel
from podwire.model.flow import Flow, Role

pytestmark = pytest.mark.root

CONFIGURATION = """
worker_processes 2; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  sendfile on; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  log_format books '$status $request_length $bytes_sent';
  access_log {folder}/access.log books;
  server {{
    listen 127.0.0.1:{port}; root {folder}/www;
    location /missing {{ return 404; }}
    location /broken {{ return 500; }}
    location /text {{ return 200 "hello"; }}
  }}
}}
"""


@dataclass
class Nginx:
    """A running nginx, its workers and its log."""

    port: int
    pids: list[int]
    log: Path

    def books(self, requests: int) -> tuple[Counter[int], int, int]:
        """Statuses, bytes received and bytes sent, once so many requests are logged."""
        deadline_s = time.monotonic() + 60
        while len(lines := self.log.read_text().splitlines()) < requests:
            assert time.monotonic() < deadline_s, f"{len(lines)} of {requests} logged"
            time.sleep(0.02)
        words = [tuple(map(int, line.split())) for line in lines]
        statuses = Counter(status for status, _, _ in words)
        return statuses, sum(word[1] for word in words), sum(word[2] for word in words)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    """Master and two workers with files of three sizes."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "www").mkdir()
    for size in (850, 30_000, 1_000_000):
        (tmp_path / "www" / str(size)).write_bytes(b"x" * size)
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=tmp_path, port=port))
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)  # the workers are another user and read the files
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    master = psutil.Popen(
        ["nginx", "-e", str(tmp_path / "error.log"), "-c", str(configuration)], env=environment
    )
    try:
        deadline_s = time.monotonic() + 60
        while len(master.children()) < 2:
            assert time.monotonic() < deadline_s, (tmp_path / "error.log").read_text()
            time.sleep(0.02)
        pids = [master.pid, *(child.pid for child in master.children())]
        yield Nginx(port, pids, tmp_path / "access.log")
    finally:
        master.send_signal(signal.SIGTERM)
        master.wait(60)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """The real source."""
    source = Kernel()
    yield source
    source.close()


def visit(port: int, target: str, times: int, *, is_closing: bool) -> int:
    """Ask for one thing often; how many connections that took (nginx closes after a 500)."""
    word = "close" if is_closing else "keep-alive"
    request = f"GET {target} HTTP/1.1\r\nHost: test\r\nConnection: {word}\r\n\r\n".encode()
    connection: socket.socket | None = None
    opened = 0
    for _ in range(times):
        if connection is None:
            connection = socket.create_connection(("127.0.0.1", port))
            opened += 1
        connection.sendall(request)
        if is_last_answer(connection):
            connection.close()
            connection = None
    if connection:
        connection.close()
    return opened


def is_last_answer(connection: socket.socket) -> bool:
    """Read one answer to its end; whether the server closes after it."""
    data = receive(connection, 65536)
    while b"\r\n\r\n" not in data:
        data += receive(connection, 65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line.lower() for line in head.split(b"\r\n")]
    length = next(line for line in lines if line.startswith(b"content-length"))
    left = int(length.split(b":")[1]) - len(body)
    while left:
        left -= len(receive(connection, min(left, 65536)))
    return b"connection: close" in lines


def receive(connection: socket.socket, size: int) -> bytes:
    """Some bytes; the end of the stream in the middle of an answer is a failure."""
    data = connection.recv(size)
    assert data, "the server closed before its answer was whole"
    return data


def total(flows: list[Flow], what: str) -> int:
    """One HTTP number over all flows of the server's side."""
    return sum(getattr(f.http, what) for f in flows if f.http and f.key.role is Role.SERVER)


TIMES = {"/1000000": 5}
PATHS = ("/850", "/30000", "/1000000", "/missing", "/broken", "/text")


@pytest.mark.parametrize("is_closing", [False, True])
def test_every_request_of_a_busy_nginx_is_counted(
    kernel: Kernel, nginx: Nginx, *, is_closing: bool
) -> None:
    """Statuses and bytes of both ways equal its log, with drains in the middle of the traffic."""
    kernel.watch(nginx.pids)
    flows: list[Flow] = []
    with ThreadPoolExecutor(2 * len(PATHS)) as pool:
        visits = [
            pool.submit(visit, nginx.port, path, TIMES.get(path, 60), is_closing=is_closing)
            for path in (*PATHS, *PATHS)
        ]
        while not all(each.done() for each in visits):
            flows += kernel.drain()
    requests = 2 * (5 * 60 + 5)
    statuses, received, sent = nginx.books(requests)
    flows += kernel.drain()

    found: Counter[int] = Counter()
    for flow in flows:
        if flow.http:
            found.update(flow.http.responses)
    assert statuses == found
    assert (requests, received, sent) == (
        total(flows, "requests"),
        total(flows, "request_bytes"),
        total(flows, "response_bytes"),
    )
    assert {} == kernel.losses()
    opened = sum(f.operations["connect"].count for f in flows if "connect" in f.operations)
    assert sum(each.result() for each in visits) == opened
