"""
What rules say of entities, in columns: pieces of metrics, ready to merge.

In: `emit`.  Out: storage, which merges them by row; `partials_of` makes values of them for people.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from podwire.mal.labels import Ids
from podwire.model.metric import MERGES, Merge, Metric, Partial, Side
from podwire.native import add_up, group

KEY_BITS = 24
KEY_MASK = (1 << KEY_BITS) - 1


EXTREMES = {Merge.MAX: np.maximum, Merge.MIN: np.minimum}


@dataclass(slots=True)
class Places:
    """
    Entities and the keys of tables, numbered; a row is an entity's number followed by a key's.

    Grows until its numbers are void, and is then replaced by an empty one.
    """

    entities: list[tuple[str, Side]] = field(default_factory=list)
    keys: list[str] = field(default_factory=lambda: [""])
    _entity: dict[tuple[str, Side], int] = field(default_factory=dict)
    _key: dict[str, int] = field(default_factory=lambda: {"": 0})

    def entity(self, text: str, side: Side) -> int:
        """The number of an entity as one side sees it."""
        number = self._entity.setdefault((text, side), len(self.entities))
        if number == len(self.entities):
            self.entities.append((text, side))
        return number

    def key(self, text: str) -> int:
        """The number of a table's key; 0 is the empty one."""
        number = self._key.setdefault(text, len(self.keys))
        if number == len(self.keys):
            self.keys.append(text)
        return number


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One metric in one minute: rows, not unique, and their numbers."""

    metric: Metric
    minute_s: int
    rows: Ids
    totals: Ids
    counts: Ids | None
    """How many values each total is of, for averages."""

    times_ms: Ids
    """The timestamp of each row's collection."""

    is_table: bool


def partials_of(pieces: Sequence[Piece], places: Places) -> Iterator[Partial]:
    """The same as values, one an entity, metric, minute and collection's timestamp."""
    for piece in pieces:
        entities, first = group(piece.rows >> KEY_BITS)
        for number, at in enumerate(first.tolist()):
            mine = np.flatnonzero(entities == number)
            yield _partial(piece, places, mine, int(piece.rows[at]) >> KEY_BITS)


def _combined(merge: Merge, place: Ids, values: Ids, first: Ids) -> Ids:
    if merge not in EXTREMES:
        return add_up(place, values, len(first))
    best = values[first]
    EXTREMES[merge].at(best, place, values)
    return best


def _partial(piece: Piece, places: Places, mine: Ids, entity: int) -> Partial:
    text, side = places.entities[entity]
    merge = MERGES[piece.metric.function]
    time_ms = int(piece.times_ms[mine].max()) if merge == "latest" else 0
    place, first = group(piece.rows[mine])
    totals = _combined(merge, place, piece.totals[mine], first).tolist()
    counts = None if piece.counts is None else add_up(place, piece.counts[mine], len(first))
    known = [] if counts is None else counts.tolist()
    if not piece.is_table:
        count = known[0] if known else 0
        return Partial(
            piece.metric.name, text, side, piece.minute_s, totals[0], count,
            merge=merge, time_ms=time_ms,
        )  # fmt: skip
    keys = [places.keys[row & KEY_MASK] for row in piece.rows[mine][first].tolist()]
    return Partial(
        piece.metric.name,
        text,
        side,
        piece.minute_s,
        table=dict(zip(keys, totals, strict=True)),
        counts=dict(zip(keys, known, strict=False)),
        merge=merge,
        time_ms=time_ms,
    )
