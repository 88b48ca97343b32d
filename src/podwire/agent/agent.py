"""
The agent's four clocks: look around, keep alive, ask for work, report.

In: a scanner, a flow source, an uplink.  Out: a running agent until it is cancelled.
A backend that is away stops nothing: every clock goes on and tries again at its next tick.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from podwire.agent.budget import Budget
from podwire.agent.outbox import Outbox
from podwire.agent.peer import near_of
from podwire.agent.registry import Registry
from podwire.agent.report import collections
from podwire.agent.sample.policy import policies, to_record
from podwire.agent.sample.sampler import Sample, Sampler
from podwire.agent.settings import AgentSettings
from podwire.agent.source import FlowSource
from podwire.agent.uplink import Unreachable, Uplink
from podwire.agent.work import Work
from podwire.model.exchange import Exchange
from podwire.model.flow import Flow, Unmeasured
from podwire.model.meter import Collection
from podwire.model.process import Process
from podwire.model.task import NetworkTask
from podwire.model.tls import Reason

log = logging.getLogger(__name__)

LAST_S = 2.0
"""For what the last window gave: whoever stops an agent waits for it."""


class Scanner(Protocol):
    """Finds the processes of this host; `discovery.Host` and `discovery.Cluster` are two."""

    def scan(self) -> Sequence[Process]:
        """Every process that has a name, now."""

    async def wait(self, timeout_s: float) -> None:
        """Return when there may be other processes than before, at the latest after the time."""


class Agent:
    """One node's agent; `run` it until cancelled."""

    def __init__(
        self,
        settings: AgentSettings,
        *,
        scanner: Scanner,
        source: FlowSource,
        uplink: Uplink,
        now_ms: Callable[[], int],
        host_addresses: Callable[[], AbstractSet[str]],
        memory_mb: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._scanner = scanner
        self._source = source
        self._uplink = uplink
        self._now_ms = now_ms
        self._host_addresses = host_addresses
        self._registry = Registry(uplink)
        self._work = Work(self._registry)
        self._outbox: Outbox[Collection] = Outbox(settings.outbox_limit)
        self._samples: Outbox[Sample] = Outbox(settings.sample_limit)
        self._budget = Budget(settings.memory_limit_mb, memory_mb)
        self._sampler = Sampler(settings.redaction)
        self._sampled: Mapping[int, Sequence[NetworkTask]] = {}
        self._watched: frozenset[int] = frozenset()
        self._why = ""
        self._is_connected = True
        self._flows = 0
        self._lost: Mapping[str, int] = {}

    async def run(self) -> None:
        """Run all clocks; on cancellation the last window is drained and sent."""
        settings = self._settings
        try:
            async with asyncio.TaskGroup() as clocks:
                clocks.create_task(self._look_around())
                clocks.create_task(self._every(settings.heartbeat_interval_s, self._registry.beat))
                clocks.create_task(self._every(settings.poll_interval_s, self._ask))
                clocks.create_task(self._every(settings.report_interval_s, self._report))
        finally:
            self._collect()
            self._source.close()
            await self._say_last()

    async def _every(self, interval_s: float, step: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        tick = loop.time()
        while True:
            await self._try(step)
            tick = max(tick + interval_s, loop.time())
            await asyncio.sleep(tick - loop.time())

    async def _look_around(self) -> None:
        while True:
            await self._try(self._look)
            await self._scanner.wait(self._settings.scan_interval_s)

    async def _try(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do a step; say once that the backend went away, and once that it is back."""
        try:
            await step()
        except (Unreachable, TimeoutError) as error:
            if self._is_connected:
                log.warning("the backend is away, trying again: %s", error)
            self._is_connected = False

    async def _say_last(self) -> None:
        """Send what waits; what finds no time or no backend any more is lost, and said so."""
        try:
            await asyncio.wait_for(self._deliver(), LAST_S)
        except (Unreachable, TimeoutError) as error:
            unsent = len(self._outbox) + len(self._samples)
            why = str(error) or f"not done after {LAST_S:.0f} s"
            log.warning("%d reports were not sent before the end: %s", unsent, why)

    async def _look(self) -> None:
        processes = await asyncio.to_thread(self._scanner.scan)
        if self._registry.names_departed(processes):
            self._collect()  # what they said last, while they still have a name
        self._registry.update(processes)
        self._direct()
        await self._registry.introduce()
        self._direct()

    async def _ask(self) -> None:
        self._work.take(await self._uplink.poll(self._work.next_since_ms()))
        if not self._is_connected:
            log.warning("the backend is back")
        self._is_connected = True
        self._direct()

    def _direct(self) -> None:
        """Point the source at what the tasks want, after taking what it has counted so far."""
        pids = self._work.pids(self._now_ms())
        if pids != self._watched:
            self._collect()
            self._watched = self._watch(pids)
            self._sampled = {}
        is_sampling = self._watched and not self._budget.is_paused
        sampled = self._work.tasks_of(self._now_ms()) if is_sampling else {}
        if sampled != self._sampled:
            self._source.record(to_record(sampled))
            self._sampled = sampled

    def _watch(self, pids: frozenset[int]) -> frozenset[int]:
        """Who is watched from now on: nobody while the source cannot, which is said once."""
        try:
            self._source.watch(pids)
        except Unmeasured as error:
            self._say_unmeasured(error)
            return frozenset()
        self._why = ""
        log.info("watching %d processes for %d tasks", len(pids), len(self._work.task_ids))
        return pids

    def _say_unmeasured(self, error: Unmeasured) -> None:
        if str(error) != self._why:
            log.warning("nothing is measured, trying again: %s", error)
        self._why = str(error)

    async def _report(self) -> None:
        self._direct()
        self._collect()
        try:
            await self._deliver()
        finally:
            self._budget.keep((self._samples, self._outbox))

    async def _deliver(self) -> None:
        await self._outbox.deliver(self._uplink.send)
        await self._samples.deliver(self._uplink.send_samples)

    def _collect(self) -> None:
        flows = self._drained() if self._watched else ()
        exchanges = self._source.exchanges() if self._watched else ()
        self._flows += len(flows)
        here = self._host_addresses() if self._watched else ()
        near = near_of(here, [*(each.key for each in flows), *(each.key for each in exchanges)])
        self._sample(exchanges, near)
        lost = self._newly_lost()
        listeners = self._source.listeners() if self._watched else ()
        libraries = self._source.libraries() if self._watched else {}
        for named in self._registry.views(self._work.instances):
            self._outbox.put(
                collections(
                    flows,
                    named,
                    near=near,
                    timestamp_ms=self._now_ms(),
                    lost=lost,
                    listeners=listeners,
                    libraries=libraries,
                )
            )

    def _drained(self) -> Sequence[Flow]:
        """What the source could not tell now, it tells with the next drain."""
        try:
            return self._source.drain()
        except Unmeasured as error:
            self._say_unmeasured(error)
            return ()

    def _sample(self, exchanges: Sequence[Exchange], near: AbstractSet[str]) -> None:
        if not exchanges:
            return
        view, *_ = self._registry.views(self._work.instances)
        self._samples.put(
            self._sampler.take(
                exchanges,
                policies=policies(self._sampled),
                named=view,
                near=near,
                now_ms=self._now_ms(),
            )
        )

    def _newly_lost(self) -> Mapping[str, int]:
        """What the source lost since the last report, by reason."""
        before, self._lost = self._lost, dict(self._source.losses())
        return {
            reason: count - before.get(reason, 0)
            for reason, count in self._lost.items()
            if count > before.get(reason, 0)
        }

    def _looked_into(self) -> int:
        """Watched processes of which all that can be read of TLS is being read by now."""
        libraries = self._source.libraries() if self._watched else {}
        return sum(
            pid in self._watched and all(each.reason is not Reason.UNSEEN for each in found)
            for pid, found in libraries.items()
        )

    def statistics(self) -> Mapping[str, int]:
        """Totals since start, by name."""
        losses = {f"lost_{reason}_total": n for reason, n in self._source.losses().items()}
        return {
            "process_known": len(self._registry.named),
            "process_watched": len(self._watched),
            "process_looked_into": self._looked_into(),
            "task_running": len(self._work.task_ids),
            "flow_total": self._flows,
            "collection_sent_total": self._outbox.sent,
            "collection_waiting": len(self._outbox),
            "collection_dropped_total": self._outbox.dropped,
            "collection_refused_total": self._outbox.refused,
            "sample_sent_total": self._samples.sent,
            "sample_waiting": len(self._samples),
            "sample_dropped_total": self._samples.dropped,
            "sample_refused_total": self._samples.refused,
            "memory_shed_total": self._budget.shed,
            "sampling_paused_total": self._budget.pauses,
            **losses,
            **{f"lost_{reason}_total": n for reason, n in self._sampler.losses.items() if n},
        }
