"""
Many agents at once, as far as the backend can tell: streams of reports, and a ledger.

In: a backend's address, how many edges, how long.  Out: what was acknowledged, and when.
Values, the order of labels and buckets, and one edge in a hundred change from batch to batch.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

import grpc
import numpy as np

from bench.asker import process_id
from bench.ledger import Ledger, Sums, products_of
from bench.mal import HISTOGRAMS, SINGLES
from bench.wireform import MOST_BOUNDS, Layout

SENDERS = 50
EDGES_AT_ONCE = 10
"""Edges a collection, and collections a stream."""

LAYOUTS = 6
VALUES = 12
"""Different sets of numbers that reports go through."""

METERS = len(SINGLES) + len(HISTOGRAMS)
SAMPLES = len(SINGLES) + sum(len(bounds) for _, bounds in HISTOGRAMS)
METHOD = "/skywalking.v3.MeterReportService/collectBatch"
INTERVAL_S = 2.0

Call = Callable[[AsyncIterator[bytes]], Awaitable[bytes]]


@dataclass(slots=True)
class Instance:
    """The edges of one collection; every tenth report one of them gives way to a new one."""

    number: int
    edges: int
    reports: int = 0
    _servers: list[str] = field(default_factory=list)
    _client: str = ""

    @property
    def name(self) -> str:
        return f"bench-{self.number:010}"

    def next_edges(self) -> tuple[tuple[str, str], ...]:
        """Client and server process ids of the next report."""
        if not self._servers:
            self._client = process_id(self.name, "client")
            self._servers = [process_id(self.name, f"server-{n}-0") for n in range(self.edges)]
        self.reports += 1
        turn, due = divmod(self.reports * self.edges, 100)
        if due < self.edges and turn:
            slot = turn % self.edges if self.edges > 1 else 0
            self._servers[slot] = process_id(self.name, f"server-{slot}-{turn}")
        return tuple((self._client, server) for server in self._servers)


class Numbers:
    """What edges report: a few sets of whole numbers and what the rules must make of them."""

    def __init__(self, edges: int, layouts: list[Layout], random: Random) -> None:
        chance = np.random.default_rng(random.getrandbits(32))
        shape = (edges, len(HISTOGRAMS), MOST_BOUNDS)
        self.values = [
            chance.integers(1, 5000, (edges, len(SINGLES))).astype(np.float64)
            for _ in range(VALUES)
        ]
        self.counts = [chance.integers(1, 128, shape) for _ in range(VALUES)]
        self.sums = {
            (at, number): Sums(
                self.values[number].astype(np.int64),
                products_of(self.values[number]),
                np.where(layout.is_empty, 0, self.counts[number]),
            )
            for at, layout in enumerate(layouts)
            for number in range(VALUES)
        }


@dataclass
class Load:
    """All senders, and what came of what they sent."""

    address: str
    edges: int
    is_paced: bool
    ledger: Ledger = field(default_factory=Ledger)
    reports: int = 0
    """Edge reports acknowledged."""

    answers_ms: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = SENDERS if self.is_paced else EDGES_AT_ONCE
        self._at_once = max(1, min(EDGES_AT_ONCE, self.edges // parts))
        random = Random(6)  # noqa: S311 - the same load every time
        self._layouts = [Layout(self._at_once, random) for _ in range(LAYOUTS)]
        self._numbers = Numbers(self._at_once, self._layouts, random)
        count = self.edges // self._at_once
        self._instances = [Instance(number, self._at_once) for number in range(count)]

    @property
    def instances(self) -> int:
        return len(self._instances)

    @property
    def report_bytes(self) -> float:
        """Bytes an edge report."""
        return len(self._layouts[0]) / self._at_once

    def message(self, instance: Instance) -> tuple[bytes, int, tuple[tuple[str, str], ...], Sums]:
        """The next report of an instance, and what is to be written down when it has arrived."""
        edges = instance.next_edges()
        at = (instance.reports + instance.number) % LAYOUTS
        number = (instance.reports * 5 + instance.number) % VALUES
        now_ms = time.time_ns() // 1_000_000
        data = self._layouts[at].write(
            instance=instance.name,
            time_ms=now_ms,
            clients=[client for client, _ in edges],
            servers=[server for _, server in edges],
            values=self._numbers.values[number],
            counts=self._numbers.counts[number],
        )
        return data, now_ms // 60_000 * 60, edges, self._numbers.sums[at, number]

    async def everything_once(self) -> None:
        """Each instance one report."""
        await self._all(self._round)

    async def closed_loop(self, seconds: float) -> None:
        """As fast as answers come."""
        until_s = time.monotonic() + seconds

        async def sender(call: Call, mine: list[Instance]) -> None:
            while time.monotonic() < until_s:
                for start in range(0, len(mine), EDGES_AT_ONCE):
                    if time.monotonic() < until_s:
                        await self._stream(call, mine[start : start + EDGES_AT_ONCE])

        await self._all(sender)

    async def paced(self, seconds: float) -> None:
        """Every instance every two seconds, senders spread over the two seconds."""
        start_s = time.monotonic()

        async def sender(call: Call, mine: list[Instance]) -> None:
            due_s = start_s + INTERVAL_S * (mine[0].number % SENDERS) / SENDERS
            while due_s < start_s + seconds:
                await asyncio.sleep(due_s - time.monotonic())
                await self._stream(call, mine)
                due_s += INTERVAL_S

        await self._all(sender)

    async def _round(self, call: Call, mine: list[Instance]) -> None:
        for start in range(0, len(mine), EDGES_AT_ONCE):
            await self._stream(call, mine[start : start + EDGES_AT_ONCE])

    async def _all(self, sender: Callable[[Call, list[Instance]], Awaitable[None]]) -> None:
        """Run a sender for each share of the instances, on a connection of its own."""
        channels = []
        tasks = []
        for number in range(SENDERS):
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = grpc.aio.insecure_channel(self.address, options=options)
            channels.append(channel)
            call: Call = channel.stream_unary(METHOD, None, None)
            tasks.append(sender(call, self._share(number)))
        await asyncio.gather(*tasks)
        for channel in channels:
            await channel.close(None)

    def _share(self, sender: int) -> list[Instance]:
        """The instances of a sender; where there are few, several report the same ones."""
        if self.is_paced or len(self._instances) >= SENDERS * EDGES_AT_ONCE:
            return self._instances[sender::SENDERS]
        first = sender * EDGES_AT_ONCE
        return [self._instances[(first + at) % len(self._instances)] for at in range(EDGES_AT_ONCE)]

    async def _stream(self, call: Call, instances: list[Instance]) -> None:
        sent: list[tuple[int, tuple[tuple[str, str], ...], Sums]] = []

        async def messages() -> AsyncIterator[bytes]:
            for instance in instances:
                data, minute_s, edges, sums = self.message(instance)
                sent.append((minute_s, edges, sums))
                yield data

        start_s = time.perf_counter()
        await call(messages())
        self.answers_ms.append((time.perf_counter() - start_s) * 1000)
        for minute_s, edges, sums in sent:
            self.ledger.add(minute_s, edges, sums)
        self.reports += len(sent) * self._at_once
