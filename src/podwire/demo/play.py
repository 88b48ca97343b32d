"""
The demo from curtain to curtain: shop, stage, task, then either a check or an evening of watching.

In: options.  Out: a `Verdict`, or pictures of what has arrived where until cancelled.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from podwire.demo import leftover, skywalking
from podwire.demo.check import Verdict, check
from podwire.demo.compare import PREFIX
from podwire.demo.ledger import Expected
from podwire.demo.relay import relayed
from podwire.demo.rules import MONITORED
from podwire.demo.shopkeeper import Shop
from podwire.demo.stage import Places, Programs, Stage, answering, free, task_running
from podwire.wire.graphql import Refused, Unanswered

KEEP_INTERVAL_S = 60.0
LOOK_INTERVAL_S = 2.0
BACKEND = "backend.sock"
REQUESTS, WRITES = f"{PREFIX}http1_request_cpm", f"{PREFIX}client_write_cpm"
Say = Callable[[str], None]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `podwire demo` was asked for."""

    http: str = "127.0.0.1:12800"
    grpc: str = "127.0.0.1:11800"
    data: Path | None = None
    """Where the store is kept; None: in a folder that goes with the demo."""

    seconds: float = 0
    """How long the shop is open; 0 is until cancelled."""

    has_courier: bool = True
    """Whether a courier is let in, if SkyWalking's agent is there."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What has arrived at each station, now."""

    agent: dict[str, int]
    backend: dict[str, int]
    edges: list[tuple[Expected, int]]
    """With each edge the requests (or client's writes, for what is not HTTP) so far."""


@asynccontextmanager
async def opened(options: Options, say: Say) -> AsyncIterator[tuple[Shop, Stage]]:
    """A shop that is measured: backend, agent and task are running, customers are not yet in."""
    for name in leftover.remove_all():
        say(f"removed what {name} had left behind")
    http, grpc = free(options.http), free(options.grpc)
    async with Shop() as shop:
        programs = ", ".join(f"{name} ({pid})" for name, pid in sorted(shop.pids.items()))
        say(f"the shop is open in namespaces {shop.name}-*: {programs}")
        places = Places(http, grpc, options.data or shop.folder / "data")
        async with Programs(shop.name, shop.folder, places) as stage:
            yield shop, stage


async def verdict(options: Options, say: Say) -> Verdict:
    """Run the shop for a while, close it, and compare. Raises what an operator must mend."""
    async with opened(options, say) as (shop, stage):
        return await _unless_broken(stage, _checked(shop, stage, options, say))


async def watched(options: Options, say: Say, show: Callable[[Picture], None]) -> None:
    """Keep the shop open and show what arrives, for so long or until cancelled."""
    async with (
        opened(options, say) as (shop, stage),
        relayed(shop.folder / BACKEND, stage.grpc),
    ):
        await _unless_broken(stage, _evening(shop, stage, options, say, show))


async def _unless_broken(stage: Stage, work: Coroutine[Any, Any, Result]) -> Result:
    """Do the work; end it with `Broken` when a program of the stage cannot go on."""
    working = asyncio.create_task(work)
    broken = asyncio.create_task(stage.failed())
    try:
        await asyncio.wait({working, broken}, return_when=asyncio.FIRST_COMPLETED)
        if broken.done() and not working.done():
            broken.result()
        return await working
    finally:
        for task in (working, broken):
            task.cancel()
        await asyncio.gather(working, broken, return_exceptions=True)


async def _measured(stage: Stage, say: Say) -> str:
    await answering(stage)
    say(f"the page: {stage.address}")
    task = await task_running(stage, len(MONITORED))
    say("a network-profiling task measures the pod")
    return task


async def _checked(shop: Shop, stage: Stage, options: Options, say: Say) -> Verdict:
    await _measured(stage, say)
    if options.data:
        await _fresh_minute(say)
    say(f"customers for {options.seconds:.0f} s")
    await shop.run(options.seconds)
    ledger = await shop.stop()
    say("the shop is closed; reading everything back over GraphQL")
    return await check(stage.backend, ledger, stage.address)


async def _fresh_minute(say: Say) -> None:
    """A kept store may hold numbers of an earlier run in this minute, the finest there is."""
    left_s = 60 - time.time() % 60
    say(f"the store is kept: waiting {left_s:.0f} s for a minute of our own")
    await asyncio.sleep(left_s)


async def _evening(
    shop: Shop, stage: Stage, options: Options, say: Say, show: Callable[[Picture], None]
) -> None:
    task = await _measured(stage, say)
    if options.has_courier:
        await _invited(shop, say)
    since_s = time.time()
    helpers = [
        asyncio.create_task(_keep(stage, task)),
        asyncio.create_task(_look(stage, since_s, show)),
    ]
    try:
        await shop.run(options.seconds)
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)


async def _invited(shop: Shop, say: Say) -> None:
    """The courier comes when SkyWalking's agent is there; its requests are sampled."""
    if not skywalking.folder().is_dir():
        say("no courier: SkyWalking's agent is not here; python -m podwire.demo.skywalking gets it")
        return
    await shop.invite(str(shop.folder / BACKEND), skywalking.folder())
    say("a courier asks for slow, lost and broken orders, traced by SkyWalking's own agent")


async def _keep(stage: Stage, task: str) -> None:
    """A task ends after ten minutes unless somebody still looks; one that ended is replaced."""
    while True:
        await asyncio.sleep(KEEP_INTERVAL_S)
        with contextlib.suppress(Unanswered, Refused):
            if not await stage.backend.keep_task(task):
                task = (await stage.backend.create_task())[0] or task


async def _look(stage: Stage, since_s: float, show: Callable[[Picture], None]) -> None:
    while True:
        with contextlib.suppress(Unanswered, Refused):
            show(await picture(stage, since_s))
        await asyncio.sleep(LOOK_INTERVAL_S)


async def picture(stage: Stage, since_s: float) -> Picture:
    """Ask every station."""
    duration = await stage.backend.window(since_s)
    edges = []
    for edge in await stage.backend.edges(duration):
        metric = REQUESTS if edge.protocol in ("http", "https") else WRITES
        values = await stage.backend.values(edge.source, edge.target, [metric], duration)
        edges.append((edge, sum(values[metric].get("", {}).values())))
    agent, backend = await stage.agent_totals(), await stage.backend_totals()
    return Picture(dict(agent), dict(backend), edges)
