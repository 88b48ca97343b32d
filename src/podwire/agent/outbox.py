"""
Reports on their way to the backend.

In: collections of each drain.  Out: the uplink; kept while the backend is away, up to a limit,
then dropped oldest first and counted.
"""

from collections import deque
from collections.abc import Sequence

from podwire.agent.uplink import Uplink
from podwire.model.meter import Collection


class Outbox:
    """A bounded queue of collections."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Collection] = deque()
        self.sent = 0
        self.dropped = 0

    def put(self, collections: Sequence[Collection]) -> None:
        """Queue collections; beyond the limit the oldest are dropped and counted."""
        self._waiting.extend(collections)
        self._trim()

    async def deliver(self, uplink: Uplink, *, at_once: int = 50) -> None:
        """Send everything in order; what could not be sent goes back for the next time."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(at_once, len(self._waiting)))]
            is_sent = False
            try:
                await uplink.send(batch)
                is_sent = True
            finally:
                if not is_sent:
                    self._waiting.extendleft(reversed(batch))
                    self._trim()
            self.sent += len(batch)

    def _trim(self) -> None:
        while len(self._waiting) > self._limit:
            self._waiting.popleft()
            self.dropped += 1

    def __len__(self) -> int:
        return len(self._waiting)
