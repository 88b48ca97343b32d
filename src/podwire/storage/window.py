"""
Pieces of minutes, merged in memory until they are written.

In: columns as MAL gives them, or partials one by one.  Out: rows, each metric, entity, side and
minute once, ready for the table of its way to merge. What two pieces come to does not depend on
which came first; a window is emptied several times in a minute, and storage merges its rows again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from podwire.model.metric import MERGES, Merge, Metric, Partial, Side, merged
from podwire.native import add_up, group

Longs = NDArray[np.int64]

KEY_BITS = 24
"""A row is the number of an entity, followed by so many bits for that of a key."""

KEY_MASK = (1 << KEY_BITS) - 1


class Places(Protocol):
    """What the rows of pieces stand for; numbers that were given out stay as they are."""

    @property
    def entities(self) -> Sequence[tuple[str, Side]]:
        """Entities and the side that saw them, by number."""

    @property
    def keys(self) -> Sequence[str]:
        """Keys of tables by number; number 0 is the empty one, for what is no table."""


class Piece(Protocol):
    """One metric in one minute: rows, not unique, and their numbers."""

    @property
    def metric(self) -> Metric: ...
    @property
    def minute_s(self) -> int: ...
    @property
    def rows(self) -> Longs: ...
    @property
    def totals(self) -> Longs: ...
    @property
    def counts(self) -> Longs | None: ...
    @property
    def times_ms(self) -> Longs: ...
    @property
    def is_table(self) -> bool: ...


class Stem(NamedTuple):
    """What pieces must have in common to merge row by row."""

    merge: Merge
    metric: str
    minute_s: int
    is_table: bool
    places: int


class Rows(NamedTuple):
    """Numbers by row."""

    rows: Longs
    totals: Longs
    counts: Longs | None


@dataclass(slots=True)
class Taken:
    """What a window held, merged."""

    parts: dict[Stem, Rows] = field(default_factory=dict)
    places: dict[int, Places] = field(default_factory=dict)
    latest: dict[object, Partial] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(part.rows) for part in self.parts.values()) + len(self.latest)


class Window:
    """Collects pieces; `take` empties it."""

    def __init__(self) -> None:
        self._parts: dict[Stem, list[Rows]] = {}
        self._places: dict[int, Places] = {}
        self._latest: dict[object, Partial] = {}
        self._size = 0

    def __len__(self) -> int:
        """Rows, as they came."""
        return self._size + len(self._latest)

    def add(self, pieces: Iterable[tuple[Piece, Places]]) -> None:
        """Take in columns."""
        for piece, places in pieces:
            if MERGES[piece.metric.function] is Merge.LATEST:
                self.add_partials(_latest(piece, places))
            else:
                rows = Rows(piece.rows, piece.totals, piece.counts)
                self._add(_stem(piece, places), places, rows)

    def _add(self, stem: Stem, places: Places, rows: Rows) -> None:
        self._places[stem.places] = places
        self._parts.setdefault(stem, []).append(rows)
        self._size += len(rows.rows)

    def add_known(self, pieces: Iterable[tuple[Piece, Places]]) -> int:
        """Take in what grows rows that are there; how many other rows there were."""
        refused = 0
        for piece, places in pieces:
            stem = _stem(piece, places)
            known = [part.rows for part in self._parts.get(stem, ())]
            fits = np.isin(piece.rows, np.concatenate(known) if known else piece.rows[:0])
            refused += len(fits) - int(fits.sum())
            counts = None if piece.counts is None else piece.counts[fits]
            if fits.any():
                self._add(stem, places, Rows(piece.rows[fits], piece.totals[fits], counts))
        return refused

    def add_partials(self, partials: Iterable[Partial]) -> None:
        """Take in values."""
        loose = _Loose()
        for partial in partials:
            if partial.merge is Merge.LATEST:
                self._add_latest(partial)
            else:
                loose.add(partial)
        for stem, rows in loose.parts():
            self._add(stem, loose, rows)

    def _add_latest(self, partial: Partial) -> None:
        key = (partial.metric, partial.entity, partial.side, partial.minute_s)
        known = self._latest.get(key)
        self._latest[key] = merged(known, partial) if known else partial

    def put_back(self, taken: Taken) -> None:
        """What could not be written waits for the next time."""
        for stem, rows in taken.parts.items():
            self._add(stem, taken.places[stem.places], rows)
        for partial in taken.latest.values():
            self._add_latest(partial)

    def take(self) -> "Window":
        """What is there, as a window of its own; this one is empty afterwards."""
        taken = Window()
        taken._parts, self._parts = self._parts, {}
        taken._places, self._places = self._places, {}
        taken._latest, self._latest = self._latest, {}
        taken._size, self._size = self._size, 0
        return taken

    def shrunk(self) -> "Window":
        """The same in as few rows as there can be."""
        fewer = Window()
        fewer.put_back(self.merged())
        return fewer

    def merged(self) -> Taken:
        """Each row once. Slow where much is there: not for the event loop."""
        parts = {stem: merge_rows(stem.merge, parts) for stem, parts in self._parts.items()}
        return Taken(parts, self._places, self._latest)


def _stem(piece: Piece, places: Places) -> Stem:
    merge = MERGES[piece.metric.function]
    return Stem(merge, piece.metric.name, piece.minute_s, piece.is_table, id(places))


def merge_rows(merge: Merge, parts: Sequence[Rows]) -> Rows:
    """Several columns of rows as one, in which each row stands once."""
    rows = np.concatenate([part.rows for part in parts])
    totals = np.concatenate([part.totals for part in parts])
    place, first = group(rows)
    counts = None
    if all(part.counts is not None for part in parts):
        together = np.concatenate([part.counts for part in parts if part.counts is not None])
        counts = add_up(place, together, len(first))
    return Rows(rows[first], _combined(merge, place, totals, len(first)), counts)


def _combined(merge: Merge, place: Longs, values: Longs, groups: int) -> Longs:
    if merge is Merge.ADD:
        return add_up(place, values, groups)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(groups))
    best = np.maximum if merge is Merge.MAX else np.minimum
    found: Longs = best.reduceat(values[order], starts) if groups else values
    return found


def _latest(piece: Piece, places: Places) -> Iterator[Partial]:
    """A piece of one collection as values: the latest table replaces a whole one."""
    entities, first = group(piece.rows >> KEY_BITS)
    for number, at in enumerate(first.tolist()):
        mine = entities == number
        entity, side = places.entities[int(piece.rows[at]) >> KEY_BITS]
        keys = [places.keys[row & KEY_MASK] for row in piece.rows[mine].tolist()]
        totals = piece.totals[mine].tolist()
        yield Partial(
            piece.metric.name,
            entity,
            side,
            piece.minute_s,
            total=0 if piece.is_table else totals[0],
            table=dict(zip(keys, totals, strict=True)) if piece.is_table else {},
            merge=Merge.LATEST,
            time_ms=int(piece.times_ms[at]),
        )


class _Loose:
    """Partials as rows, in places of their own."""

    def __init__(self) -> None:
        self._entity: dict[tuple[str, Side], int] = {}
        self._key: dict[str, int] = {"": 0}
        self._lists: dict[Stem, tuple[list[int], list[int], list[int]]] = {}

    @property
    def entities(self) -> Sequence[tuple[str, Side]]:
        return list(self._entity)

    @property
    def keys(self) -> Sequence[str]:
        return list(self._key)

    def add(self, partial: Partial) -> None:
        entity = self._entity.setdefault((partial.entity, partial.side), len(self._entity))
        if not partial.table:
            self._append(partial, entity, "", partial.total, partial.count)
            return
        if partial.total or partial.count:
            self._append(partial, entity, "", partial.total, partial.count)
        for key, value in partial.table.items():
            self._append(partial, entity, key, value, partial.counts.get(key, 0), is_table=True)

    def _append(
        self,
        partial: Partial,
        entity: int,
        key: str,
        total: int,
        count: int,
        *,
        is_table: bool = False,
    ) -> None:
        stem = Stem(partial.merge, partial.metric, partial.minute_s, is_table, id(self))
        rows, totals, counts = self._lists.setdefault(stem, ([], [], []))
        number = self._key.setdefault(key, len(self._key))
        rows.append(entity << KEY_BITS | number)
        totals.append(clamp(total))
        counts.append(clamp(count))

    def parts(self) -> Iterator[tuple[Stem, Rows]]:
        for stem, lists in self._lists.items():
            rows, totals, counts = (np.array(each, np.int64) for each in lists)
            yield stem, Rows(rows, totals, counts)


MOST = 2**55
"""No row adds more: a minute's rows then stay below 2^63, and their sum never wraps."""


def clamp(value: int) -> int:
    """An absurd report saturates instead of failing its neighbours or turning a sum negative."""
    return max(-MOST, min(MOST, value))
