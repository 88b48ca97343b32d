"""
What waits for the engine is not lost when the engine refuses.

The engine is a fake at its seam: it fails when the test says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.exceptions import DatabaseError

from podwire.model.metric import Partial, Relation, Side
from podwire.storage.buffer import Buffer
from podwire.storage.engine import Engine


class Failing(Engine):
    """Refuses inserts until it is mended."""

    def __init__(self) -> None:
        self.is_broken = True
        self.rows: dict[str, list[Mapping[str, Sequence[Any]]]] = {}

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        if self.is_broken:
            raise DatabaseError("no room")
        self.rows.setdefault(table, []).append(columns)


def partial(total: int, entity: str = "e") -> Partial:
    """A piece of one minute."""
    return Partial("m", entity, Side.CLIENT, 60, total, 1, {"k": total})


async def test_a_refused_insert_is_kept_and_merged_with_what_came_since() -> None:
    """Nothing is missing and nothing is doubled when it goes through."""
    engine = Failing()
    buffer = Buffer(engine, limit=10)
    relation = Relation("i", "a", "b", Side.CLIENT, 49, 60)
    buffer.add([partial(1), partial(2)], [relation])
    await buffer.flush()
    buffer.add([partial(4)], [relation])
    engine.is_broken = False

    await buffer.flush()
    await buffer.flush()

    (inserted,) = engine.rows["metric_minute"]
    assert ([7], [3], [{"k": 7}]) == (inserted["total"], inserted["count"], inserted["table"])
    assert 1 == len(engine.rows["relation_minute"])
    assert {"insert_retried": 1} == buffer.losses()


async def test_beyond_the_limit_new_series_are_refused_and_counted() -> None:
    """What was taken in before goes on merging; memory is bounded."""
    engine = Failing()
    engine.is_broken = False
    buffer = Buffer(engine, limit=1)

    buffer.add([partial(1, "first"), partial(2, "second"), partial(4, "first")], [])
    await buffer.flush()

    (inserted,) = engine.rows["metric_minute"]
    assert (["first"], [5]) == (inserted["entity"], inserted["total"])
    assert {"buffer_full": 1} == buffer.losses()
