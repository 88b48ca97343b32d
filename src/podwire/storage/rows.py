"""
Merged windows as rows of tables: one table for each way to merge.

In: `Taken`.  Out: blocks in Native format, one a table.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from podwire.model.metric import Merge, Partial, Side
from podwire.storage import block
from podwire.storage.block import Column
from podwire.storage.window import KEY_BITS, KEY_MASK, MOST, Longs, Places, Rows, Stem, Taken

TABLES: Mapping[Merge, str] = {
    Merge.ADD: "metric_minute",
    Merge.MAX: "metric_most_minute",
    Merge.MIN: "metric_least_minute",
    Merge.LATEST: "metric_latest_minute",
}
"""Where the rows of each way to merge are kept."""

SIDES: Mapping[Side, int] = {Side.NONE: 0, Side.CLIENT: 1, Side.SERVER: 2}
SIDE_TYPE = "Enum8('none' = 0, 'client' = 1, 'server' = 2)"


class Pools:
    """Texts with their sizes before them, by number; kept as long as their places are in use."""

    def __init__(self) -> None:
        self._pools: dict[int, tuple[Places, list[bytes], NDArray[np.int8], list[bytes]]] = {}

    def of(self, places: Places) -> tuple[Sequence[bytes], NDArray[np.int8], Sequence[bytes]]:
        """Entities, their sides, and keys."""
        known = self._pools.get(id(places))
        if known is None or known[0] is not places:
            known = (places, [], np.empty(0, np.int8), [])
        _, entities, sides, keys = known
        fresh = places.entities[len(entities) :]
        entities += [block.sized(text) for text, _ in fresh]
        keys += map(block.sized, places.keys[len(keys) :])
        if fresh:
            sides = np.concatenate((sides, np.array([SIDES[side] for _, side in fresh], np.int8)))
        self._pools[id(places)] = (places, entities, sides, keys)
        return entities, sides, keys

    def keep_only(self, in_use: Mapping[int, Places]) -> None:
        """Forget the texts of places that no longer get rows."""
        self._pools = {each: self._pools[each] for each in in_use if each in self._pools}


class _Parts:
    """The rows of one table, part by part."""

    def __init__(self) -> None:
        self.metrics: dict[str, int] = {}
        self.names: list[Longs] = []
        self.minutes: list[Longs] = []
        self.sides: list[NDArray[np.int8]] = []
        self.entities: list[bytes] = []
        self.totals: list[Longs] = []
        self.counts: list[Longs] = []
        self.tables = _Tables()
        self.weights = _Tables()

    def add(self, stem: Stem, rows: Rows, pools: Pools, places: Places) -> None:
        entities, sides, keys = pools.of(places)
        order = np.argsort(rows.rows, kind="stable")
        numbers = rows.rows[order] >> KEY_BITS
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        owners, count = numbers[starts], len(starts)
        self.names.append(np.full(count, self.metrics.setdefault(stem.metric, len(self.metrics))))
        self.minutes.append(np.full(count, stem.minute_s))
        self.sides.append(sides[owners])
        self.entities.append(block.texts(entities, owners).data)
        totals = rows.totals[order]
        if stem.merge is Merge.ADD:
            totals = totals.clip(-MOST, MOST)
        counts = None if rows.counts is None else rows.counts[order].clip(-MOST, MOST)
        nothing = np.zeros(count, np.int64)
        if not stem.is_table:
            self.totals.append(totals)
            self.counts.append(nothing if counts is None else counts)
            self.tables.skip(count)
            self.weights.skip(count)
            return
        self.totals.append(nothing)
        self.counts.append(nothing)
        sizes, codes = np.diff(starts, append=len(numbers)), rows.rows[order] & KEY_MASK
        self.tables.add(sizes, block.texts(keys, codes).data, totals)
        if counts is None or not counts.any():
            self.weights.skip(count)
        else:
            self.weights.add(sizes, block.texts(keys, codes).data, counts)

    def block(self) -> bytes:
        names = np.concatenate(self.names)
        columns = {
            "metric": block.few_texts(list(self.metrics), names),
            "entity": Column("String", b"".join(self.entities)),
            "side": Column(SIDE_TYPE, np.concatenate(self.sides).tobytes()),
            "minute": block.seconds(np.concatenate(self.minutes)),
            "total": block.longs(np.concatenate(self.totals)),
            "count": block.longs(np.concatenate(self.counts)),
            "table": self.tables.column(),
            "counts": self.weights.column(),
        }
        return block.block(columns, len(names))


class _Tables:
    """A column of maps, part by part."""

    def __init__(self) -> None:
        self._sizes: list[Longs] = []
        self._keys: list[bytes] = []
        self._values: list[Longs] = [np.empty(0, np.int64)]

    def skip(self, count: int) -> None:
        self._sizes.append(np.zeros(count, np.int64))

    def add(self, sizes: Longs, keys: bytes, values: Longs) -> None:
        self._sizes.append(sizes)
        self._keys.append(keys)
        self._values.append(values)

    def column(self) -> Column:
        ends = np.cumsum(np.concatenate(self._sizes)).astype(np.uint64).tobytes()
        values = block.longs(np.concatenate(self._values)).data
        return Column("Map(String, Int64)", ends + b"".join(self._keys) + values)


def blocks(taken: Taken, pools: Pools) -> Iterator[tuple[str, bytes]]:
    """Each table that gets rows, and these."""
    parts: dict[Merge, _Parts] = {}
    for stem, rows in taken.parts.items():
        places = taken.places[stem.places]
        parts.setdefault(stem.merge, _Parts()).add(stem, rows, pools, places)
    pools.keep_only(taken.places)
    for merge, part in parts.items():
        yield TABLES[merge], part.block()


def latest_columns(partials: Sequence[Partial]) -> dict[str, list[object]]:
    """Rows of the table of latest values: the greatest (time, total, table) stays."""
    return {
        "metric": [each.metric for each in partials],
        "entity": [each.entity for each in partials],
        "side": [each.side.value for each in partials],
        "minute": [each.minute_s for each in partials],
        "latest": [(each.time_ms, each.total, sorted(each.table.items())) for each in partials],
    }
