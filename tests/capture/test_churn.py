"""
Processes that come and go: what the kernel's maps hold of them leaves with them.

Visitors are real processes that ask this one; the truth is how many there were.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
from bench.account import entries_of

from capture.test_calls import BODY, HEAD, REQUEST, receive
from capture.test_drain import watching
from podwire.capture import Kernel, slots
from podwire.capture.table import Table

GRACE_S = 0.05
VISIT = f"""
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as client:
    client.sendall({REQUEST!r})
    while client.recv(65536):
        pass
"""


def visited(listener: socket.socket) -> None:
    """Serve one visitor, a process of its own, until it has ended."""
    port = listener.getsockname()[1]
    visitor = subprocess.Popen([sys.executable, "-c", VISIT, str(port)])
    server, _ = listener.accept()
    with server:
        receive(server, len(REQUEST))
        server.sendall(HEAD + BODY)
    assert 0 == visitor.wait(60)


def settled(kernel: Kernel, what: Callable[[], int], least: int) -> int:
    """What is left of something once drains have found nothing new, after half a minute at most."""
    deadline_s = time.monotonic() + 30
    while what() > least and time.monotonic() < deadline_s:
        time.sleep(GRACE_S)
        kernel.drain()
    return what()


@pytest.mark.root
def test_nothing_is_left_of_processes_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long others may stay: flows at both ends, shares, sockets, all are given back."""
    monkeypatch.setattr(slots, "STILL_READINGS", 1_000_000)
    monkeypatch.setattr(slots, "GRACE_S", GRACE_S)
    with watching(flow_slots=16) as kernel, socket.create_server(("127.0.0.1", 0)) as listener:
        before = entries_of(os.getpid())["all"]
        requests = 0
        for _ in range(12):
            visited(listener)
            requests += sum(flow.http.requests for flow in kernel.drain() if flow.http)
            # Beside what was there before: the listener's port and socket, this process's share.
            assert settled(kernel, lambda: entries_of(os.getpid())["all"], before + 3) <= before + 3
        assert {} == kernel.losses()

    assert 24 == requests


@pytest.mark.root
def test_a_share_that_comes_back_after_its_process_leaves_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A flow that begins once its process has ended takes a share (played); nobody ends it."""
    monkeypatch.setattr(slots, "GRACE_S", GRACE_S)
    with watching(flow_slots=16) as kernel, socket.create_server(("127.0.0.1", 0)) as listener:
        assert kernel._program
        shares = Table(kernel._program.fd("shares"), np.dtype("<u4"), np.dtype("<u8"))
        ended = subprocess.Popen(["true"])
        ended.wait()
        shares.put(np.array([ended.pid], np.uint32), np.ones(1, np.uint64))

        visited(listener)

        left = settled(kernel, lambda: ended.pid in shares.read()[0].tolist(), 0)
        assert not left
        assert os.getpid() in shares.read()[0].tolist()


@pytest.mark.root
def test_readings_of_flows_that_have_gone_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst of flows is not remembered by what it took to read them."""
    monkeypatch.setattr(slots, "GRACE_S", GRACE_S)
    monkeypatch.setattr(slots, "ROWS_AT_ONCE", 2)
    with watching(flow_slots=16) as kernel, socket.create_server(("127.0.0.1", 0)) as listener:
        assert kernel._program
        readings = kernel._program._slots._parts
        found = []
        for _ in range(3):
            visited(listener)
            kernel.drain()
            found.append(len(readings))

        assert max(found) > 0
        assert 0 == settled(kernel, lambda: len(readings), 0)
