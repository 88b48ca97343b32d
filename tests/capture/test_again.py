"""
What a connection held is free when it ends, in whatever way it ends.

All ends are sockets of this process, watched for real; the truth is what the maps held before.
"""

import ctypes
import os
import socket
from contextlib import closing

import pytest
from bench.account import entries_of

from capture.test_calls import BODY, HEAD, REQUEST, receive
from capture.test_churn import GRACE_S, settled
from capture.test_drain import watching
from podwire.capture import Kernel, slots

AF_UNSPEC = bytes(16)
LIBC = ctypes.CDLL(None, use_errno=True)


def entries() -> int:
    """Keys of all maps of this process."""
    return entries_of(os.getpid())["all"]


def exchange(client: socket.socket, server: socket.socket, head: bytes = HEAD) -> None:
    client.sendall(REQUEST)
    receive(server, len(REQUEST))
    server.sendall(head + BODY)
    receive(client, len(head + BODY))


def settled_after_one(kernel: Kernel, listener: socket.socket) -> int:
    """What the maps hold of this process when it has talked once and all of that is gone."""
    before = entries()
    client = socket.create_connection(listener.getsockname())
    with client, closing(listener.accept()[0]) as server:
        exchange(client, server)
    return settled(kernel, entries, before + 1)  # and its share of flows


def begin_anew(client: socket.socket) -> None:
    """Give the connection up and keep the socket."""
    assert 0 == LIBC.connect(client.fileno(), AF_UNSPEC, len(AF_UNSPEC))


@pytest.mark.root
def test_a_socket_that_connects_again_keeps_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its flow is free when it and its peers are closed, and each of its connections counted."""
    monkeypatch.setattr(slots, "GRACE_S", GRACE_S)
    with watching() as kernel, socket.create_server(("127.0.0.1", 0)) as listener:
        before, answers, received = settled_after_one(kernel, listener), 0, 0
        with socket.socket() as client:
            for _ in range(3):
                client.connect(listener.getsockname())
                with closing(listener.accept()[0]) as server:
                    exchange(client, server)
                    begin_anew(client)
        for flow in kernel.drain():
            answers += sum(flow.http.responses.values()) if flow.http else 0
            received += flow.tcp.bytes_received
        left = settled(kernel, entries, before)

    assert (6, 3 * len(REQUEST + HEAD + BODY), before) == (answers, received, left)


@pytest.mark.root
def test_a_flow_of_many_statuses_leaves_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than a flow remembers do not keep it when its connection is closed."""
    monkeypatch.setattr(slots, "GRACE_S", GRACE_S)
    with watching() as kernel, socket.create_server(("127.0.0.1", 0)) as listener:
        before = settled_after_one(kernel, listener)
        client = socket.create_connection(listener.getsockname())
        with client, closing(listener.accept()[0]) as server:
            for status in {*range(200, 240)} - {204}:
                exchange(client, server, HEAD.replace(b"200", b"%d" % status))
        kernel.drain()
        lost = kernel.losses()["statuses_full"]
        left = settled(kernel, entries, before)

    assert (2 * (39 - 32), before) == (lost, left)
