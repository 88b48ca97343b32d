"""
Reports on their way to the backend.

In: collections and samples of each drain.  Out: the uplink; kept while the backend is away, up to
a limit, then dropped oldest first and counted. What the backend refuses is dropped and counted,
too: it would hold up everything behind it forever.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from podwire.agent.uplink import Rejected

log = logging.getLogger(__name__)


class Report(Protocol):
    """What can be sent: it tells whose it is."""

    @property
    def service(self) -> str:
        """Name of the reporter's service."""


Item = TypeVar("Item", bound=Report)
Send = Callable[[Sequence[Item]], Awaitable[None]]
"""Delivers some reports, all of them; raises `Unreachable` or `Rejected`."""


class Outbox(Generic[Item]):
    """A bounded queue of reports of one kind."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Item] = deque()
        self._under_way: list[Item] = []
        self.sent = 0
        self.dropped = 0
        self.refused = 0

    def put(self, reports: Sequence[Item]) -> None:
        """Queue reports; beyond the limit the oldest are dropped and counted."""
        self._waiting.extend(reports)
        self._trim()

    async def deliver(self, send: Send[Item], *, at_once: int = 50) -> None:
        """Send everything in order; what could not be sent goes back for the next time."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(at_once, len(self._waiting)))]
            await self._deliver(send, batch)

    async def _deliver(self, send: Send[Item], batch: list[Item]) -> None:
        unsent = self._under_way = list(batch)
        try:
            await send(batch)
            unsent.clear()
            self.sent += len(batch)
        except Rejected:
            while unsent:  # one by one, so that one that cannot be taken loses itself alone
                await self._deliver_alone(send, unsent[0])
                del unsent[0]
        finally:
            self._waiting.extendleft(reversed(unsent))
            self._under_way = []
            self._trim()

    async def _deliver_alone(self, send: Send[Item], report: Item) -> None:
        try:
            await send([report])
            self.sent += 1
        except Rejected as error:
            if not self.refused:
                log.warning(
                    "the backend refuses a report of %s, dropping it: %s", report.service, error
                )
            self.refused += 1

    def shed(self) -> int:
        """Drop the older half, for want of memory; how many that were."""
        count = (len(self._waiting) + 1) // 2
        for _ in range(count):
            self._waiting.popleft()
        self.dropped += count
        return count

    def _trim(self) -> None:
        while len(self._waiting) > self._limit:
            self._waiting.popleft()
            self.dropped += 1

    def __len__(self) -> int:
        """What the backend has not acknowledged, also while it is being sent."""
        return len(self._waiting) + len(self._under_way)
