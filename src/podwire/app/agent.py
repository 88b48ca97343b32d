"""
The agent plugged together: host discovery, the kernel, a backend.

In: settings.  Out: a running agent until it is cancelled.
"""

import asyncio
import json
import logging
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from podwire.agent.agent import Agent
from podwire.agent.settings import AgentSettings
from podwire.agent.uplink import GrpcUplink
from podwire.capture import Kernel
from podwire.discovery.host import Host

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 1.0


async def run(settings: AgentSettings, *, status: Path | None = None) -> None:
    """
    Run until cancelled; `status` is a file that always holds the newest totals as JSON.

    Raises `capture.Unavailable` when this system cannot measure.
    """
    kernel = Kernel()
    for each in kernel.missing:
        log.warning("%s", each)
    uplink = GrpcUplink(settings.backend, str(uuid.uuid4()), token=settings.token)
    agent = Agent(
        settings,
        scanner=Host(settings.hosts),
        source=kernel,
        uplink=uplink,
        now_ms=now_ms,
        host_addresses=host_addresses,
    )
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.run())
            if status:
                group.create_task(_write_status(status, lambda: _totals(agent, kernel)))
    finally:
        kernel.close()
        await uplink.close()


def _totals(agent: Agent, kernel: Kernel) -> Mapping[str, int]:
    missing = {f"hook_missing_{each.hook.program}": 1 for each in kernel.missing}
    return {**agent.statistics(), **missing}


def now_ms() -> int:
    """Wall clock, in milliseconds."""
    return time.time_ns() // 1_000_000


def host_addresses() -> set[str]:
    """Every IP address of this host's own network namespace."""
    return {
        address.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }


async def _write_status(path: Path, statistics: Callable[[], Mapping[str, int]]) -> None:
    fresh = path.with_suffix(".new")
    while True:
        fresh.write_text(json.dumps(dict(statistics())))
        fresh.replace(path)
        await asyncio.sleep(STATUS_INTERVAL_S)
