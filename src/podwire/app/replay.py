"""
Says again what an agent said, to another backend.

In: a recording.  Out: its calls, in their order and at their distances, with the times in them
moved by whole minutes, so that each minute holds what it held; and how each call ended.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

import grpc

from podwire.wire.gen.podwire.recording_pb2 import Entry
from podwire.wire.shift import shifted

MINUTE_MS = 60_000
END = None


@dataclass(slots=True)
class Outcome:
    """How the calls of a replay ended."""

    calls: int = 0
    messages: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Calls that ended with another status than OK, by method and status."""


def shift_ms(entries: Iterable[Entry], begin_ms: int, speed: float) -> int:
    """
    How far times move: whole minutes, so that nothing said is from the future.

    >>> minutes = [Entry(time_us=n * 60_000_000) for n in range(10)]
    >>> shift_ms(minutes, 3_600_000, 1) // 60_000, shift_ms(minutes, 3_600_000, 1000) // 60_000
    (60, 51)
    """
    times_ms = [entry.time_us // 1000 for entry in entries]
    if not times_ms:
        return 0
    length_ms = times_ms[-1] - times_ms[0]
    early_ms = max(0.0, length_ms * (1 - 1 / speed))
    return int(begin_ms - times_ms[0] - early_ms) // MINUTE_MS * MINUTE_MS


async def replay(
    entries: list[Entry],
    channel: grpc.aio.Channel,
    *,
    speed: float = 1.0,
    token: str = "",
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Outcome:
    """Play everything; returns when every call has ended."""
    outcome, by_ms = Outcome(), shift_ms(entries, now_ms(), speed)
    metadata = (("authentication", token),) if token else ()
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    lines: dict[int, _Line] = {}
    async with asyncio.TaskGroup() as calls:
        for entry in entries:
            due_s = begin_s + (entry.time_us - entries[0].time_us) / 1e6 / speed
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            if entry.WhichOneof("what") == "opened":
                line = lines[entry.call] = _Line(entry.opened, by_ms)
                calls.create_task(line.run(channel, metadata, outcome))
            elif entry.call in lines:
                lines[entry.call].say(entry)
        for line in lines.values():  # a recording may end before its calls
            line.end()
    return outcome


class _Line:
    """One call, fed as the recording goes on."""

    def __init__(self, method: str, by_ms: int) -> None:
        self._method = method
        self._by_ms = by_ms
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._is_cut = asyncio.Event()

    def say(self, entry: Entry) -> None:
        """The next message, or the end: the agent's own, or its going away."""
        if entry.WhichOneof("what") == "message":
            self._waiting.put_nowait(shifted(self._method, entry.message, self._by_ms))
        elif entry.closed:
            self.end()
        else:
            self._is_cut.set()

    def end(self) -> None:
        self._waiting.put_nowait(END)

    async def run(
        self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...], outcome: Outcome
    ) -> None:
        call = channel.stream_stream(self._method, None, None)(
            self._said(outcome), metadata=metadata
        )
        outcome.calls += 1
        cutting = asyncio.create_task(self._cut(call))
        try:
            async for _ in call:
                pass
        except grpc.aio.AioRpcError as error:
            outcome.refused[f"{self._method} {error.code().name}"] += 1
        except asyncio.CancelledError:
            if not self._is_cut.is_set():
                raise
        finally:
            cutting.cancel()

    async def _cut(self, call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        await self._is_cut.wait()
        call.cancel()

    async def _said(self, outcome: Outcome) -> AsyncIterator[bytes]:
        while (message := await self._waiting.get()) is not END:
            outcome.messages += 1
            yield message
