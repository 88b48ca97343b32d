"""
Partials and edges on their way to the engine.

In: what receivers add, one collection at a time.  Out: one insert a fraction of a second, already
merged. An insert that fails is kept and tried again; beyond the limit the newest are refused and
counted, for what was taken in first is never lost first.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from clickhouse_connect.driver.exceptions import ClickHouseError

from podwire.model.metric import Partial, Relation
from podwire.storage.engine import Engine

log = logging.getLogger(__name__)

Key = tuple[str, str, str, int]


@dataclass(slots=True)
class _Sum:
    total: int = 0
    count: int = 0
    table: Counter[str] = field(default_factory=Counter)


class Buffer:
    """Merges by key; `flush` writes everything."""

    def __init__(self, engine: Engine, *, limit: int) -> None:
        self._engine = engine
        self._limit = limit
        self._sums: dict[Key, _Sum] = {}
        self._relations: dict[Relation, None] = {}
        self._known: dict[Relation, None] = {}
        self._lock = asyncio.Lock()
        self._lost: Counter[str] = Counter()

    def add(self, partials: Iterable[Partial], relations: Iterable[Relation]) -> None:
        """Take in; what is written is what was added, whatever its order."""
        for partial in partials:
            key = (partial.metric, partial.entity, partial.side.value, partial.minute_s)
            known = self._sums.get(key)
            if known is None:
                if len(self._sums) >= self._limit:
                    self._lost["buffer_full"] += 1
                    continue
                known = self._sums[key] = _Sum()
            known.total += partial.total
            known.count += partial.count
            known.table.update(partial.table)
        for relation in relations:
            if relation not in self._known:
                self._relations[relation] = None

    async def flush(self) -> None:
        """Write what is there. A failure is logged and the data stays."""
        async with self._lock:
            sums, self._sums = self._sums, {}
            relations, self._relations = self._relations, {}
            try:
                await self._write(sums, relations)
            except ClickHouseError as error:
                log.warning("the store refused an insert, trying again: %s", error)
                self._lost["insert_retried"] += 1
                self._put_back(sums, relations)

    async def _write(self, sums: Mapping[Key, _Sum], relations: Mapping[Relation, None]) -> None:
        if relations:
            await self._engine.insert("relation_minute", _relation_columns(relations))
            newest_s = max(relation.minute_s for relation in relations)
            self._known = {r: None for r in self._known if r.minute_s > newest_s - 180}
            self._known.update(relations)
        if sums:
            await self._engine.insert("metric_minute", _sum_columns(sums))

    def _put_back(self, sums: dict[Key, _Sum], relations: dict[Relation, None]) -> None:
        newer, self._sums = self._sums, sums
        for key, more in newer.items():
            known = self._sums.setdefault(key, _Sum())
            known.total += more.total
            known.count += more.count
            known.table.update(more.table)
        self._relations = {**relations, **self._relations}

    def losses(self) -> Mapping[str, int]:
        """Totals by reason since start."""
        return dict(self._lost)


def _sum_columns(sums: Mapping[Key, _Sum]) -> dict[str, list[object]]:
    return {
        "metric": [key[0] for key in sums],
        "entity": [key[1] for key in sums],
        "side": [key[2] for key in sums],
        "minute": [key[3] for key in sums],
        "total": [clamp(each.total) for each in sums.values()],
        "count": [clamp(each.count) for each in sums.values()],
        "table": [
            {key: clamp(value) for key, value in each.table.items()} for each in sums.values()
        ],
    }


MOST = 2**55
"""No flush adds more: a minute's flushes then stay below 2^63, and their sum never wraps."""


def clamp(value: int) -> int:
    """An absurd report saturates instead of failing its neighbours or turning a sum negative."""
    return max(-MOST, min(MOST, value))


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
