"""
Minutes of metrics, read back and merged.

In: an entity, names of metrics, a time.  Out: points by metric. Most metrics are sums and in one
table; the tables of the other ways to merge are asked only for metrics that are known to be there.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from podwire.model.metric import Merge, Side
from podwire.model.topology import Point
from podwire.storage.buffer import Buffer
from podwire.storage.engine import Engine
from podwire.storage.rows import TABLES

LOOK_S = 10.0
"""How often it is looked whether another backend writes metrics of a kind that we do not."""

COMBINED = """
SELECT metric, toUnixTimestamp(minute) AS since, side, {total}(total), sum(count), {table}(table),
       sumMap(counts)
FROM {name}
WHERE entity = {{entity:String}} AND metric IN {{metrics:Array(String)}}
  AND minute >= toDateTime({{since:Int64}}) AND minute <= toDateTime({{until:Int64}})
GROUP BY metric, minute, side
ORDER BY metric, minute, side
"""

LATEST = """
SELECT metric, toUnixTimestamp(minute) AS since, side, max(latest).2, toInt64(0),
       CAST(max(latest).3, 'Map(String, Int64)'), CAST(map(), 'Map(String, Int64)')
FROM metric_latest_minute
WHERE entity = {entity:String} AND metric IN {metrics:Array(String)}
  AND minute >= toDateTime({since:Int64}) AND minute <= toDateTime({until:Int64})
GROUP BY metric, minute, side
ORDER BY metric, minute, side
"""

QUESTIONS: Mapping[Merge, str] = {
    Merge.ADD: COMBINED.format(name=TABLES[Merge.ADD], total="sum", table="sumMap"),
    Merge.MAX: COMBINED.format(name=TABLES[Merge.MAX], total="max", table="maxMap"),
    Merge.MIN: COMBINED.format(name=TABLES[Merge.MIN], total="min", table="minMap"),
    Merge.LATEST: LATEST,
}

NAMES = "SELECT DISTINCT metric FROM {name}"


class Points:
    """Reads points; remembers which metrics are in which table."""

    def __init__(
        self, engine: Engine, buffer: Buffer, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._buffer = buffer
        self._clock = clock
        self._looked_s = -LOOK_S

    async def read(
        self, entity: str, metrics: Sequence[str], since_s: int, until_s: int
    ) -> Mapping[str, Sequence[Point]]:
        """Points of each metric that has any, in order of time and side."""
        await self._look()
        found: dict[str, list[Point]] = {}
        for merge, names in self._buffer.written.items():
            asked = [each for each in metrics if merge is Merge.ADD or each in names]
            if asked:
                parameters = {"entity": entity, "metrics": asked, "since": since_s}
                rows = await self._engine.query(QUESTIONS[merge], {**parameters, "until": until_s})
                for metric, minute_s, side, *rest in rows:
                    found.setdefault(metric, []).append(Point(minute_s, Side(side), *rest))
        return found

    async def _look(self) -> None:
        """Which metrics are in the tables that few have."""
        if self._clock() - self._looked_s < LOOK_S:
            return
        self._looked_s = self._clock()
        for merge in (Merge.MAX, Merge.MIN, Merge.LATEST):
            rows = await self._engine.query(NAMES.format(name=TABLES[merge]))
            self._buffer.written[merge].update(row[0] for row in rows)
