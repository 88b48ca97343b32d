"""
Listeners with too short a backlog.

The listener is a socket of this process in a network namespace of its own; the truth is what
that namespace's `ListenDrops` says.
"""

import ctypes
import os
import socket
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from capture.test_drain import watching
from podwire.capture import Kernel

CLONE_NEWNET = 0x40000000
NETSTAT = Path("/proc/thread-self/net/netstat")
CLIENTS = 6


def listen_drops() -> int:
    """Of the calling thread's network namespace."""
    names, values = (
        line.split() for line in NETSTAT.read_text().splitlines() if line.startswith("TcpExt:")
    )
    return int(values[names.index("ListenDrops")])


def knock(listener: socket.socket) -> list[socket.socket]:
    """More clients than the backlog has room for; nobody accepts."""
    clients = [socket.socket() for _ in range(CLIENTS)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    return clients


def heard(kernel: Kernel) -> tuple[Counter[tuple[int, int]], int]:
    """What is said by process and port, and the namespace's count, which three looks find alike."""
    said: Counter[tuple[int, int]] = Counter()
    counts: list[int] = []
    deadline_s = time.monotonic() + 60
    while len(counts) < 3 or {counts[-1]} != set(counts[-3:]) or counts[-1] < 2:
        assert time.monotonic() < deadline_s, counts
        said.update({(each.pid, each.port): each.overflows for each in kernel.listeners()})
        counts.append(listen_drops())
    return said, counts[-1]


def overflow(kernel: Kernel) -> tuple[Counter[tuple[int, int]], int, int]:
    """What the kernel half says of a full backlog, its count by the namespace, and its port."""
    assert 0 == ctypes.CDLL(None).unshare(CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        clients = knock(listener)
        said, truth = heard(kernel)
        for client in clients:
            client.close()
        return said, truth, listener.getsockname()[1]


@pytest.mark.root
def test_a_full_backlog_is_counted_as_the_namespace_counts_it() -> None:
    """Each connection that found no room, by the listening process and its port, and once."""
    with watching() as kernel, ThreadPoolExecutor(1) as elsewhere:
        said, truth, port = elsewhere.submit(overflow, kernel).result()

    assert {(os.getpid(), port): truth} == said
