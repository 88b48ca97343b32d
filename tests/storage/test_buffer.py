"""
What waits for the engine is not lost when the engine refuses.

The engine is the real one, in memory; it fails when the test says so.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from clickhouse_connect.driver.exceptions import DatabaseError
from numpy.typing import NDArray

from podwire.model.metric import Function, Metric, Partial, Relation, Side
from podwire.storage.buffer import Buffer
from podwire.storage.engine import Engine
from podwire.storage.migrate import migrate
from podwire.storage.window import KEY_BITS

MINUTE_S = int(time.time()) // 60 * 60 - 600  # what is older than a week would be removed
pytestmark = pytest.mark.asyncio(loop_scope="module")


class Failing(Engine):
    """Refuses inserts while it is broken."""

    is_broken = False

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        if self.is_broken:
            raise DatabaseError("no room")
        await super().insert(table, columns)

    async def insert_block(self, table: str, data: bytes) -> None:
        if self.is_broken:
            raise DatabaseError("no room")
        await super().insert_block(table, data)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Failing]:
    """An engine that only this file uses; tests keep to entities of their own."""
    opened = await Failing.open("chdb://memory")
    assert isinstance(opened, Failing)
    await migrate(opened)
    yield opened
    await opened.close()


async def rows_of(engine: Engine, entity: str) -> list[tuple[Any, ...]]:
    """Rows as they were written, not merged."""
    sql = "SELECT total, count, table FROM metric_minute WHERE entity = {entity:String}"
    return [*await engine.query(f"{sql} ORDER BY total", {"entity": entity})]


def partial(total: int, entity: str) -> Partial:
    """A piece of one minute."""
    return Partial("m", entity, Side.CLIENT, MINUTE_S, total, 1)


async def test_a_refused_insert_is_kept_and_merged_with_what_came_since(engine: Failing) -> None:
    """Nothing is missing and nothing is doubled when it goes through."""
    buffer = Buffer(engine, limit=100)
    relation = Relation("i", "a", "b", Side.CLIENT, 49, MINUTE_S)
    engine.is_broken = True
    buffer.add([partial(1, "kept"), partial(2, "kept")], [relation])
    await buffer.flush()
    assert {"insert_retried": 1} == buffer.losses()
    engine.is_broken = False
    buffer.add([partial(4, "kept")], [relation])

    await buffer.flush()
    await buffer.flush()

    totals, counts, _ = zip(*await rows_of(engine, "kept"), strict=True)
    assert (7, 3) == (sum(totals), sum(counts))
    assert [(1,)] == [*await engine.query("SELECT count() FROM relation_minute")]


@dataclass
class Places:
    """One entity a number."""

    entities: list[tuple[str, Side]]
    keys: list[str] = field(default_factory=lambda: [""])


@dataclass
class Piece:
    """Ones for entities."""

    rows: NDArray[np.int64]
    metric: Metric = Metric("m", Function.SUM)
    minute_s: int = MINUTE_S
    counts: None = None
    is_table: bool = False

    @property
    def totals(self) -> NDArray[np.int64]:
        return np.ones(len(self.rows), np.int64)

    @property
    def times_ms(self) -> NDArray[np.int64]:
        return np.full(len(self.rows), self.minute_s * 1000)


async def add(buffer: Buffer, places: Places, numbers: list[int]) -> None:
    """A one for each of these entities."""
    await buffer.add_pieces([(Piece(np.array(numbers, np.int64) << KEY_BITS), places)], [])


async def test_beyond_the_limit_a_sender_waits_for_the_engine(engine: Failing) -> None:
    """While the engine takes rows, nothing is refused, however little room there is."""
    buffer = Buffer(engine, limit=3)
    places = Places([("waits", Side.CLIENT), ("too", Side.CLIENT)])
    for _ in range(5):
        await add(buffer, places, [0, 0, 1])
    await buffer.flush()

    assert 10 == sum(total for total, _, _ in await rows_of(engine, "waits"))
    assert {} == buffer.losses()


async def test_an_engine_that_takes_nothing_makes_us_refuse_what_is_new(engine: Failing) -> None:
    """What was taken in before goes on merging; memory is bounded, and the loss is counted."""
    buffer = Buffer(engine, limit=3)
    places = Places([(name, Side.CLIENT) for name in ("first", "second", "third")])
    engine.is_broken = True
    for numbers in ([0, 0, 0], [0, 0], [1, 0], [0, 2, 2, 1]):
        await add(buffer, places, numbers)
    engine.is_broken = False
    await buffer.flush()

    assert [(7, 0, {})] == await rows_of(engine, "first")
    assert [(2, 0, {})] == await rows_of(engine, "second")
    assert 2 == buffer.losses()["buffer_full"]
