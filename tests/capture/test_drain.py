"""
Draining while everything goes on: windows that belong together, and room that comes back.

Both ends are sockets of this process, watched for real; the truth is what the test sent.
"""

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from capture.test_calls import BODY, HEAD, REQUEST, receive
from podwire.capture import Kernel, slots
from podwire.capture.decode import BEYOND
from podwire.capture.size import MB, PAGE_BYTES, sizes_for
from podwire.model.flow import Flow, Role

EXCHANGES = 3000
ANSWER = HEAD + BODY


@contextmanager
def watching(**knobs: int) -> Iterator[Kernel]:
    """The real source, watching this very process."""
    source = Kernel(knobs=knobs)
    source.watch([os.getpid()])
    try:
        yield source
    finally:
        source.close()


def talk(client: socket.socket, server: socket.socket, times: int) -> None:
    """So many exchanges."""
    for _ in range(times):
        client.sendall(REQUEST)
        receive(server, len(REQUEST))
        server.sendall(ANSWER)
        receive(client, len(ANSWER))


def visit(number: int) -> None:
    """One exchange with a peer of its own."""
    with socket.create_server((f"127.0.1.{number}", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        with client, server:
            talk(client, server, 1)


def torn(flows: Sequence[Flow]) -> list[str]:
    """Totals of a window that have nothing to be divided by."""
    found = [
        name
        for flow in flows
        for name, each in flow.operations.items()
        if (each.bytes or each.time) and not each.count
    ]
    for http in (flow.http for flow in flows if flow.http):
        found += ["request_bytes"] if http.request_bytes and not http.requests else []
        found += ["response_bytes"] if http.response_bytes and not http.responses else []
        found += ["duration_ns"] if http.duration_ns and not any(http.duration_buckets) else []
    return found


@pytest.mark.root
def test_no_window_is_torn_however_often_it_is_drained() -> None:
    """Every total comes with its count, and over all windows nothing is missing."""
    sums: Counter[str] = Counter()
    wrong: list[str] = []
    with watching() as kernel, socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        worker = threading.Thread(target=talk, args=(client, server, EXCHANGES))
        worker.start()
        is_last = False
        while not is_last:
            is_last = not worker.is_alive()
            flows = kernel.drain()
            wrong += torn(flows)
            for http in (flow.http for flow in flows if flow.http):
                sums.update(requests=http.requests, answers=http.responses.get(200, 0))
                sums.update(asked=http.request_bytes, answered=http.response_bytes)
        client.close()
        server.close()

    assert [] == wrong
    truth = {"requests": 1, "answers": 1, "asked": len(REQUEST), "answered": len(ANSWER)}
    assert {name: 2 * EXCHANGES * each for name, each in truth.items()} == sums


@pytest.mark.root
def test_room_of_flows_that_ended_is_given_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map with room for seven flows counts forty, two at a time, and loses none."""
    monkeypatch.setattr(slots, "STILL_READINGS", 1)
    monkeypatch.setattr(slots, "GRACE_S", 0.05)
    requests = 0
    with watching(flow_slots=8) as kernel:
        for number in range(1, 21):
            visit(number)
            requests += sum(flow.http.requests for flow in kernel.drain() if flow.http)
            kernel.drain()
            time.sleep(0.06)  # the grace itself is what is waited for
            kernel.drain()
        assert {} == kernel.losses()

    assert 40 == requests


@pytest.mark.root
def test_a_process_beyond_its_share_has_one_flow_for_the_rest() -> None:
    """It cannot take the room of others; nothing of it is lost but whom it talked to."""
    with watching(flows_of_process=4) as kernel:
        for number in range(1, 7):
            visit(number)
        flows = [flow for flow in kernel.drain() if flow.http]
        losses = kernel.losses()

    assert 12 == sum(flow.http.requests for flow in flows if flow.http)
    assert {BEYOND} == {flow.key.peer for flow in flows} - {
        flow.key.peer for flow in flows if flow.key.peer.address.startswith("127.")
    }
    assert {Role.CLIENT, Role.SERVER} == {f.key.role for f in flows if f.key.peer == BEYOND}
    assert 0 < losses["flows_other"]


def test_maps_stay_within_what_a_node_can_spare() -> None:
    """One part in 256 of its memory and 96 MB at most; beside it 32 MB at most to record in."""
    for gigabytes in (1, 4, 24, 512):
        sizes = sizes_for(gigabytes << 30, 4 << 20)
        least, most = 8 * MB, 96 * MB
        recorded = sizes.pages * PAGE_BYTES
        counted = sizes.bytes - sizes.pids // 8 - recorded
        assert counted <= min(max(gigabytes * 4 * MB, least), most)
        assert recorded <= min(max(gigabytes * 2 * MB, least), 32 * MB)
