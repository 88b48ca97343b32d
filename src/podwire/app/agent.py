"""
The agent plugged together: discovery, the kernel, a backend.

In: settings.  Out: a running agent until it is cancelled.
"""

import asyncio
import json
import logging
import os
import resource
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from podwire.agent.agent import Agent, Scanner
from podwire.agent.settings import AgentSettings
from podwire.agent.uplink import GrpcUplink
from podwire.capture import Kernel
from podwire.capture.tls import Finder
from podwire.capture.tls.follow import Means
from podwire.discovery import address
from podwire.discovery.host import Host

if TYPE_CHECKING:
    from podwire.kube.watch import Watch

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 1.0
HOST, OWN = Path("/proc/1/net"), Path("/proc/self/net")
"""Whose addresses are near: in a pod those of the node, elsewhere those of our own network."""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


async def run(settings: AgentSettings, *, status: Path | None = None) -> None:
    """
    Run until cancelled; `status` is a file that always holds the newest totals as JSON.

    Raises `capture.Unavailable` when this system cannot measure, `ConfigError` when there is no
    way to the API server that the settings ask for.
    """
    allow_files()
    finder = Finder()
    kernel = Kernel(means=Means(finder=finder))
    for each in kernel.missing:
        log.warning("%s", each)
    uplink = GrpcUplink(settings.backend, str(uuid.uuid4()), token=settings.token)
    tables = HOST if settings.kubernetes else OWN
    try:
        async with _scanner(settings) as (scanner, followed):
            agent = Agent(
                settings,
                scanner=scanner,
                source=kernel,
                uplink=uplink,
                now_ms=now_ms,
                host_addresses=partial(address.host_addresses, tables),
                memory_mb=memory_mb,
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(agent.run())
                if followed:
                    group.create_task(followed.run())
                if status:
                    totals = partial(_totals, agent, kernel, finder, followed)
                    group.create_task(_write_status(status, totals))
    finally:
        kernel.close()
        await uplink.close()


@asynccontextmanager
async def _scanner(settings: AgentSettings) -> AsyncIterator[tuple[Scanner, "Watch | None"]]:
    """Whoever finds processes here, and what it follows of the cluster."""
    if settings.kubernetes is None:
        yield Host(settings.hosts), None
        return
    from podwire.app import cluster  # an agent of a plain host has no memory for its client

    async with cluster.node(settings.kubernetes) as found:
        yield found


def _totals(
    agent: Agent, kernel: Kernel, finder: Finder, followed: "Watch | None"
) -> Mapping[str, int]:
    missing = {f"hook_missing_{each.hook.program}": 1 for each in kernel.missing}
    known = followed.statistics() if followed else {}
    kube = {f"kube_{name}": count for name, count in known.items()}
    tls = {f"tls_{name}": count for name, count in finder.statistics().items()}
    probed = {"tls_file_probed": len(kernel.tls.attached) if kernel.tls else 0}
    return {**agent.statistics(), **missing, **tls, **probed, **kube}


def now_ms() -> int:
    """Wall clock, in milliseconds."""
    return time.time_ns() // 1_000_000


def allow_files() -> None:
    """As many open ones as may be: a probed file takes ten, and a thousand is the usual limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def memory_mb() -> float:
    """What this process has of the node's memory, in MB."""
    resident = Path("/proc/self/statm").read_text().split()[1]
    return int(resident) * PAGE_BYTES / 1e6


async def _write_status(path: Path, statistics: Callable[[], Mapping[str, int]]) -> None:
    fresh = path.with_suffix(".new")
    while True:
        fresh.write_text(json.dumps(dict(statistics())))
        fresh.replace(path)
        await asyncio.sleep(STATUS_INTERVAL_S)
