"""
Partials and edges on their way to the engine.

In: what receivers add.  Out: one insert a table and fraction of a second, already merged.
An insert that fails is kept and tried again; beyond the limit the newest are refused and counted,
for what was taken in first is never lost first.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from clickhouse_connect.driver.exceptions import ClickHouseError

from podwire.model.metric import Merge, Partial, Relation
from podwire.storage.engine import Engine
from podwire.storage.rows import TABLES, Pools, blocks, latest_columns
from podwire.storage.window import Piece, Places, Taken, Window

log = logging.getLogger(__name__)


class Buffer:
    """Merges by key; `flush` writes everything."""

    def __init__(self, engine: Engine, *, limit: int) -> None:
        self._engine = engine
        self._limit = limit
        self._window = Window()
        self._pools = Pools()
        self._relations: dict[Relation, None] = {}
        self._known: dict[Relation, None] = {}
        self._newest_s = 0
        self._lock = asyncio.Lock()
        self._lost: Counter[str] = Counter()
        self.written: dict[Merge, set[str]] = {merge: set() for merge in Merge}
        """Metrics that went to the table of each way to merge."""

    def add(self, partials: Sequence[Partial], relations: Iterable[Relation]) -> None:
        """Take in; what is written is what was added, whatever its order."""
        if self._has_room(len(partials)):
            self._window.add_partials(partials)
        else:
            self._lost["buffer_full"] += len(partials)
        self._add_relations(relations)

    async def add_pieces(
        self, pieces: Sequence[tuple[Piece, Places]], relations: Iterable[Relation]
    ) -> None:
        """
        As `add`, in columns; waits for the engine where there is no room.

        An engine that takes nothing makes no room: then rows that wait already still grow, and
        the others are refused and counted.
        """
        rows = sum(len(piece.rows) for piece, _ in pieces)
        if len(self._window) + rows > self._limit:
            await self.flush()
        if self._has_room(rows):
            self._window.add(pieces)
        else:
            self._lost["buffer_full"] += self._window.add_known(pieces)
        self._add_relations(relations)

    def _has_room(self, rows: int) -> bool:
        if len(self._window) + rows > self._limit:
            self._window = self._window.shrunk()
        return len(self._window) + rows <= self._limit

    def _add_relations(self, relations: Iterable[Relation]) -> None:
        for relation in relations:
            if relation not in self._known:
                self._relations[relation] = None

    async def flush(self) -> None:
        """Write what is there. A failure is logged and the data stays."""
        async with self._lock:
            window = self._window.take()
            relations, self._relations = self._relations, {}
            taken = await self._engine.aside(window.merged)
            try:
                await self._write_relations(relations)
                relations = {}
                await self._write(taken)
            except ClickHouseError as error:
                log.warning("the store refused an insert, trying again: %s", error)
                self._lost["insert_retried"] += 1
                self._window.put_back(taken)
                self._relations = {**relations, **self._relations}

    async def _write_relations(self, relations: Mapping[Relation, None]) -> None:
        if relations:
            await self._engine.insert("relation_minute", _relation_columns(relations))
            self._known.update(relations)
            newest_s = max(relation.minute_s for relation in relations)
            if newest_s > self._newest_s:
                self._newest_s = newest_s
                self._known = {r: None for r in self._known if r.minute_s > newest_s - 180}

    async def _write(self, taken: Taken) -> None:
        """Each table by itself: what is written leaves `taken`."""
        for stem in taken.parts:
            self.written[stem.merge].add(stem.metric)
        self.written[Merge.LATEST].update(each.metric for each in taken.latest.values())
        for table, data in await self._engine.aside(lambda: list(blocks(taken, self._pools))):
            await self._engine.insert_block(table, data)
            taken.parts = {
                stem: rows for stem, rows in taken.parts.items() if TABLES[stem.merge] != table
            }
        if taken.latest:
            rows = latest_columns(list(taken.latest.values()))
            await self._engine.insert("metric_latest_minute", rows)
            taken.latest = {}

    def losses(self) -> Mapping[str, int]:
        """Totals by reason since start."""
        return dict(self._lost)


def _relation_columns(relations: Iterable[Relation]) -> dict[str, list[object]]:
    rows = list(relations)
    return {
        "instance_id": [row.instance_id for row in rows],
        "minute": [row.minute_s for row in rows],
        "source": [row.source for row in rows],
        "target": [row.target for row in rows],
        "side": [row.side.value for row in rows],
        "component": [row.component for row in rows],
    }
