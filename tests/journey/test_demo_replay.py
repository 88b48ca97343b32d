"""The demo's agent, written down while it measures the shop, and said again to another backend."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench.stage import free_port, program

from demo.test_shopkeeper import wait
from journey.test_replay import is_there, recorder
from podwire.demo.check import check
from podwire.demo.compare import metrics
from podwire.demo.ledger import EDGES
from podwire.demo.question import Backend
from podwire.demo.rules import MONITORED
from podwire.demo.shopkeeper import Shop
from podwire.demo.stage import Places, Programs, answering, task_running

pytestmark = pytest.mark.root
SUMS = [name for name in metrics() if name.endswith(("_cpm", "_total_bytes"))]

Totals = Mapping[str, Any]
"""By edge: each sum over its minutes, by metric and label; and the topology."""


class Recorded(Programs):
    """The demo's programs, the agent's line being written down on its way."""

    def __init__(self, shop: Shop, places: Places, line: str) -> None:
        self._line = line
        super().__init__(shop.name, shop.folder, places)

    def _agent(self, places: Places) -> list[str]:
        return super()._agent(replace(places, grpc=self._line))


async def totals(backend: Backend, since_s: float) -> Totals:
    """What a backend says of the shop, whatever minutes it is in."""
    duration = await backend.window(since_s)
    found: dict[str, Any] = {"topology": await backend.edges(duration)}
    for edge in EDGES:
        values = await backend.values(edge.source, edge.target, SUMS, duration)
        found[f"{edge.source}->{edge.target}"] = {
            (metric, label): sum(minutes.values())
            for metric, labels in values.items()
            for label, minutes in labels.items()
            if minutes
        }
    return found


async def perform(path: Path, tmp_path: Path) -> tuple[Totals, float]:
    """A short evening of the shop; what its backend says, checked against the books."""
    http, grpc = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    places = Places(http, grpc, tmp_path / "first")
    with recorder(path, grpc) as line:
        async with Shop() as shop, Recorded(shop, places, line) as stage:
            await answering(stage)
            await task_running(stage, len(MONITORED))
            await shop.run(6)
            ledger = await shop.stop()
            assert (await check(stage.backend, ledger, stage.address)).ok
            return await totals(stage.backend, ledger.began_s), ledger.began_s


def test_another_backend_answers_as_the_demos_own(tmp_path: Path) -> None:
    """Every sum of every edge, by status too, and the whole topology."""
    path = tmp_path / "demo.rec"
    expected, since_s = asyncio.run(perform(path, tmp_path))
    http, grpc = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    storage = f"chdb://{tmp_path}/second"
    with program("backend", "--grpc", grpc, "--http", http, "--storage", storage):
        wait(lambda: is_there(http))
        command = [sys.executable, "-m", "podwire.cli", "replay", str(path), "--to", grpc]
        subprocess.run([*command, "--speed", "10"], check=True, timeout=60)
        second = Backend(f"http://{http}")

        wait(lambda: expected == asyncio.run(totals(second, since_s)))
    assert any(count > 10 for (_, count) in expected["gateway->orders"].items())
