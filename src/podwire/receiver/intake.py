"""
Collections of meters on their way through the rules.

In: serialized collections of all senders.  Out: one pass over the rules for all that wait, and its
pieces in the sink. While a pass runs, the next one gathers: what comes alone goes at once, what
comes together goes together, and many small collections cost as few large ones.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from podwire.native.thread import name_thread
from podwire.receiver.analysis import Analysis, Analyzer
from podwire.receiver.gate import Unreadable
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.receiver.window import NEWEST_MS, OLDEST_MS

PASS_BYTES = 8 * 2**20
"""A pass takes no more messages than reach this size; one message may be larger."""

PASS_MESSAGES = 4096

WAITING_BYTES = 64 * 2**20
"""Senders wait when so much waits for the rules."""

GATHER_S, GATHER_BYTES = 0.1, 2**20
"""
A pass starts so long after the one before, or when so much waits for it: a pass has a fixed cost
(some 5 ms for forty rules), which with little to do would otherwise be most of it.
"""


@dataclass(slots=True, eq=False)
class _Pass:
    """Messages that go through the rules together."""

    done: asyncio.Future[Sequence[int]]
    """Which of the messages were unreadable."""

    messages: list[bytes] = field(default_factory=list)
    size: int = 0

    @property
    def is_full(self) -> bool:
        return self.size >= PASS_BYTES or len(self.messages) >= PASS_MESSAGES


@dataclass(frozen=True, slots=True)
class _Place:
    """One message of a pass, to be waited for."""

    done: asyncio.Future[Sequence[int]]
    number: int

    def __await__(self) -> Generator[Any, None, None]:
        unreadable = yield from asyncio.shield(self.done).__await__()
        if self.number in unreadable:
            raise Unreadable("the bytes of a collection are no message")


class Intake:
    """A queue of passes, and the thread on which the rules run."""

    def __init__(
        self, analyzer: Analyzer, sink: Sink, tally: Tally, now_ms: Callable[[], int]
    ) -> None:
        self._analyzer = analyzer
        self._sink = sink
        self._tally = tally
        self._now_ms = now_ms
        self._passes: deque[_Pass] = deque()
        self._waiting = 0
        self._room = asyncio.Condition()
        self._worth = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(
            1, thread_name_prefix="rules", initializer=name_thread, initargs=("rules",)
        )

    async def put(self, message: bytes) -> Awaitable[None]:
        """
        Take in a collection; what comes back is done when the sink has what the rules made of it.

        Waits while too much is on its way. What comes back raises `Unreadable` for bytes that are
        no message.
        """
        async with self._room:
            await self._room.wait_for(lambda: self._waiting < WAITING_BYTES)
        if not self._passes or self._passes[-1].is_full:
            done = asyncio.get_running_loop().create_future()
            done.add_done_callback(lambda future: future.exception())  # a sender may be gone
            self._passes.append(_Pass(done))
        last = self._passes[-1]
        last.messages.append(message)
        last.size += len(message)
        self._waiting += len(message)
        if self._gathered >= GATHER_BYTES:
            self._worth.set()
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return _Place(last.done, len(last.messages) - 1)

    @property
    def _gathered(self) -> int:
        """Bytes that no pass has begun with."""
        return sum(each.size for each in self._passes)

    async def _run(self) -> None:
        while self._passes:
            gathered = self._passes.popleft()
            if self._gathered < GATHER_BYTES:
                self._worth.clear()
            pause = asyncio.create_task(self._until_worth())
            try:
                unreadable = await self._analyze(gathered.messages)
            except Exception as error:  # noqa: BLE001 - goes to everybody who waits for it
                gathered.done.set_exception(error)
            else:
                gathered.done.set_result(unreadable)
            async with self._room:
                self._waiting -= gathered.size
                self._room.notify_all()
            await pause
        self._running = None

    async def _until_worth(self) -> None:
        """Until a new pass may start."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._worth.wait(), GATHER_S)

    async def _analyze(self, messages: list[bytes]) -> Sequence[int]:
        now_ms = self._now_ms()
        analysis: Analysis = await asyncio.get_running_loop().run_in_executor(
            self._thread,
            lambda: self._analyzer.admit(
                messages, since_ms=now_ms - OLDEST_MS, until_ms=now_ms + NEWEST_MS
            ),
        )
        if analysis.virtual:
            await self._sink.report_processes(analysis.virtual)
        await self._sink.add_pieces(analysis.pieces, analysis.relations)
        for name, count in analysis.tally.items():
            self._tally.add(name, count)
        return analysis.unreadable
