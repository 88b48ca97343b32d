"""
Reports on their way to the backend.

In: collections of each drain.  Out: the uplink; kept while the backend is away, up to a limit,
then dropped oldest first and counted. What the backend refuses is dropped and counted, too: it
would hold up everything behind it forever.
"""

import logging
from collections import deque
from collections.abc import Sequence

from podwire.agent.uplink import Rejected, Uplink
from podwire.model.meter import Collection

log = logging.getLogger(__name__)


class Outbox:
    """A bounded queue of collections."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Collection] = deque()
        self.sent = 0
        self.dropped = 0
        self.refused = 0

    def put(self, collections: Sequence[Collection]) -> None:
        """Queue collections; beyond the limit the oldest are dropped and counted."""
        self._waiting.extend(collections)
        self._trim()

    async def deliver(self, uplink: Uplink, *, at_once: int = 50) -> None:
        """Send everything in order; what could not be sent goes back for the next time."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(at_once, len(self._waiting)))]
            await self._deliver(uplink, batch)

    async def _deliver(self, uplink: Uplink, batch: list[Collection]) -> None:
        unsent = list(batch)
        try:
            await uplink.send(batch)
            unsent.clear()
            self.sent += len(batch)
        except Rejected:
            while unsent:  # one by one, so that one that cannot be taken loses itself alone
                await self._deliver_alone(uplink, unsent[0])
                del unsent[0]
        finally:
            self._waiting.extendleft(reversed(unsent))
            self._trim()

    async def _deliver_alone(self, uplink: Uplink, collection: Collection) -> None:
        try:
            await uplink.send([collection])
            self.sent += 1
        except Rejected as error:
            if not self.refused:
                log.warning(
                    "the backend refuses a report of %s, dropping it: %s", collection.service, error
                )
            self.refused += 1

    def _trim(self) -> None:
        while len(self._waiting) > self._limit:
            self._waiting.popleft()
            self.dropped += 1

    def __len__(self) -> int:
        return len(self._waiting)
