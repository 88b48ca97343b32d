"""
Metrics of one request, read together.

In: what the expressions of a request want, one by one.  Out: their minutes, with one question to
storage for each entity and stretch of time: a page asks for forty metrics of an edge at once.
"""

import asyncio
from collections.abc import Mapping, Sequence

from podwire.model.topology import Point
from podwire.query.source import Source

Key = tuple[str, int, int]


class PointLoader:
    """Collects what is wanted until the event loop has run every expression so far."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._waiting: dict[Key, dict[str, list[asyncio.Future[Sequence[Point]]]]] = {}

    async def load(self, entity: str, metric: str, since_s: int, until_s: int) -> Sequence[Point]:
        """The minutes of one metric, both sides."""
        key = (entity, since_s, until_s)
        loop = asyncio.get_running_loop()
        if key not in self._waiting:
            self._waiting[key] = {}
            loop.call_soon(lambda: loop.create_task(self._answer(key)))
        future: asyncio.Future[Sequence[Point]] = loop.create_future()
        self._waiting[key].setdefault(metric, []).append(future)
        return await future

    async def _answer(self, key: Key) -> None:
        wanted = self._waiting.pop(key)
        entity, since_s, until_s = key
        try:
            found: Mapping[str, Sequence[Point]] = await self._source.points(
                entity, sorted(wanted), since_s, until_s
            )
        except Exception as error:  # noqa: BLE001 - handed to those who wait, whatever it is
            for futures in wanted.values():
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
            return
        for metric, futures in wanted.items():
            for future in futures:
                if not future.done():
                    future.set_result(found.get(metric, ()))
