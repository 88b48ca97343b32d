"""
The demo's own shop, and in its pod a Python service that the real SkyWalking agent instruments.

What the service itself sent and received is what the samples are compared with.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from bench.stage import Stage, stage, wait

from journey.test_samples import KINDS, caller, create, records, skywalking, spans, tell
from podwire.demo import network
from podwire.demo.network import PORTS
from podwire.demo.shopkeeper import Shop

__all__ = ["skywalking"]

pytestmark = pytest.mark.root
PATHS = {"/orders/slow": "/slow", "/nothing": "/missing", "/orders/broken": "/broken"}
"""Of the shop, and which kind of record each is."""

STATUSES = {"/orders/slow": 200, "/nothing": 404, "/orders/broken": 500}


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def way_out(folder: Path, address: str) -> Iterator[str]:
    """A door in the file system: the pod's network leads nowhere but to the shop."""
    door = folder / "door"
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(door))
        listener.listen()

        def welcome() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listener.accept()
                    far = socket.create_connection((host, int(port)))
                    for ends in ((near, far), (far, near)):
                        threading.Thread(target=pump, args=ends, daemon=True).start()

        threading.Thread(target=welcome, daemon=True).start()
        yield f"unix:{door}"


@pytest.fixture(scope="module")
def place(
    skywalking: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stage, dict[str, Any]]]:
    """The shop, the service under a task with a rule, and what it says of its three requests."""
    with asyncio.Runner() as runner:
        shop = Shop()
        runner.run(shop.start())
        try:
            at = f"http://{shop._network.pod_addresses['client']}:{PORTS['gateway']}"
            with (
                caller(skywalking, *network.enter(f"{shop.name}-pod")) as asking,
                stage(r"journey/caller\.py") as running,
                way_out(tmp_path_factory.mktemp("way"), running.grpc) as door,
            ):
                assert "ready" == tell(asking, door)
                wait("a task", lambda: create(running.address))
                wait("the task taken up", running.is_measuring)
                yield running, {path: json.loads(tell(asking, at + path)) for path in PATHS}
        finally:
            runner.run(shop.__aexit__(None, None, None))


@pytest.mark.parametrize("path", PATHS)
def test_a_request_of_the_shop_hangs_at_its_span(
    place: tuple[Stage, dict[str, Any]], path: str
) -> None:
    """A record, and at the exit span the bytes as the service moved them."""
    running, told = place
    kind = KINDS[PATHS[path]]
    wait(f"the record of {path}", lambda: records(running.address, kind), 60)
    (record,) = records(running.address, kind)
    wait("the span", lambda: spans(running.address, record["id"]), 60)
    (span,) = spans(running.address, record["id"])
    shown = {
        event["event"]: {tag["key"]: tag["value"] for tag in event["tags"]}
        for event in span["attachedEvents"]
    }

    assert (STATUSES[path], path) == (told[path]["status"], record["name"])
    assert ("Exit", "caller") == (span["type"], span["serviceCode"])
    assert told[path]["sent"] == shown["HTTP Request Sampling"]["data_content"]
    assert told[path]["received"] == shown["HTTP Response Sampling"]["data_content"]
