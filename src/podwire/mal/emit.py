"""
What a rule's result says of the edges it is about.

In: a family with the shape of its rule, of one collection or many.  Out: pieces, ready to merge.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from podwire.mal.errors import SampleError
from podwire.mal.family import Family, take, to_long
from podwire.mal.labels import (
    BOUND_BITS,
    BOUND_MASK,
    COLLECTION_SHIFT,
    FAILED,
    NO_BOUND,
    Ids,
    Labels,
    Lookup,
    collection_of,
    plain_of,
    project,
)
from podwire.mal.pieces import KEY_BITS, KEY_MASK, Piece, Places
from podwire.mal.rules import Rule
from podwire.mal.shape import Kind, Shape
from podwire.mal.step.scope import Scoped, describe
from podwire.mal.step.world import World
from podwire.mal.subject import Subject
from podwire.model.metric import AVERAGES, MERGES, Function, Merge, Relation, Scope
from podwire.native import group

MINUTE_MS = 60_000
NEVER = -(2**63)
"""A minute that is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """What a sample is about, an edge or one end alone; there is one of each."""

    subject: Subject

    @property
    def is_relation(self) -> bool:
        """Whether it is an edge of a topology of processes."""
        return self.subject.scope is Scope.PROCESS_RELATION

    @property
    def ends(self) -> tuple[str, str]:
        """The process ids of an edge."""
        return self.subject.source or "", self.subject.target or ""

    def seen(self, minute_s: int) -> Relation:
        """The edge as storage keeps it for a minute."""
        subject = self.subject
        component = subject.component or 0
        return Relation(subject.instance_id, *self.ends, subject.side, component, minute_s)


class Targets:
    """Where the samples of each plain label set go, and which edges they are about."""

    def __init__(self, world: World, shape: Shape) -> None:
        self._world = world
        self._table = table = world.table
        self._shape = shape
        scope = (shape.scope, shape.decorations)
        self.places = Places()
        self.edges: list[Edge] = []
        self._numbers: dict[Subject, int] = {}
        self._edge_of = table.lookup(("edge", scope), self._edge_or_none)
        self._row_of = table.lookup(("row", scope), self._row_or_none)
        self._seen = np.empty(0, np.int64)
        self._keys = Lookup(lambda bound: self.places.key(table.bound_text(bound)))

    def first_sightings(self, edges: Ids, minutes: Ids) -> Iterator[tuple[Edge, int]]:
        """Edges that were last seen in another minute, each with this one, in Unix minutes."""
        grown = len(self.edges) - len(self._seen)
        if grown > 0:
            fresh = np.full(max(grown, len(self._seen)), NEVER, np.int64)
            self._seen = np.concatenate((self._seen, fresh))
        news = np.flatnonzero(self._seen[edges] != minutes)
        if not len(news):
            return
        edges, minutes = edges[news], minutes[news]
        self._seen[edges] = minutes
        _, at = np.unique(minutes, return_inverse=True)
        _, first = group(edges << 24 | at)
        for place in first.tolist():
            yield self.edges[edges[place]], int(minutes[place])

    def clear(self) -> None:
        """Start anew, because the table did; what was given out keeps the places it has."""
        self.places = Places()
        self.edges = []
        self._numbers.clear()
        self._seen = np.empty(0, np.int64)
        self._keys.clear()

    def edge_of(self, ids: Ids) -> Ids:
        """The number of each sample's edge among `edges`; FAILED where labels name none."""
        return self._edge_of(plain_of(ids))

    def rows(self, ids: Ids) -> Ids:
        """Entity and key, without the bound; FAILED where labels name no edge."""
        return self._row_of(plain_of(ids))

    def with_bounds(self, rows: Ids, bounds: Ids) -> Ids:
        """The rows of buckets."""
        if not (rows & KEY_MASK).any():
            return rows | self._keys(bounds)
        together, first = group((rows & KEY_MASK) << BOUND_BITS | bounds)
        keys = [
            self._bucket_key(row & KEY_MASK, bound)
            for row, bound in zip(rows[first].tolist(), bounds[first].tolist(), strict=True)
        ]
        return rows >> KEY_BITS << KEY_BITS | np.array(keys, np.int64)[together]

    def heights(self, bounds: Ids) -> NDArray[np.float64]:
        """Bounds as numbers to compare; what is none is above all."""
        return self._table.bound_values(bounds)

    def _bucket_key(self, key: int, bound: int) -> int:
        text = self._table.bound_text(bound)
        return self.places.key(f"{self.places.keys[key]}:{text}" if key else text)

    def _row_or_none(self, labels: Labels) -> int | None:
        of = self._shape.scope.labels
        named = self._table.intern(project(of, labels))
        number = int(self._edge_of(np.array([named >> BOUND_BITS]))[0])
        if number == FAILED:
            return None
        subject = self.edges[number].subject
        rest = [f"{key}={value}" for key, value in labels if key not in of]
        key = self.places.key(f"{{{','.join(rest)}}}") if rest else 0
        return self.places.entity(subject.entity, subject.side) << KEY_BITS | key

    def _edge_or_none(self, labels: Labels) -> int | None:
        """Labels that name nothing, or an edge without an end, go nowhere."""
        try:
            subject = describe(self._shape.scope, self._shape.decorations, labels, self._world)
        except SampleError:
            return None
        edge = Edge(subject)
        if edge.is_relation and not all(edge.ends):
            return None
        number = self._numbers.setdefault(subject, len(self.edges))
        if number == len(self.edges):
            self.edges.append(edge)
        return number


@dataclass(frozen=True, slots=True)
class Sightings:
    """Edges and the minutes in which a rule's samples showed them, not unique."""

    targets: Targets
    edges: Ids
    minutes: Ids


@dataclass(frozen=True, slots=True)
class Emitter:
    """Turns the results of one rule into pieces."""

    rule: Rule
    targets: Targets
    losses: Counter[str]

    def emit(self, given: Family, times_ms: Ids) -> tuple[Sightings, list[Piece]] | None:
        """The edges of a family's samples, and what is to be stored; None without a scope."""
        if not isinstance(given.about.scoped, Scoped):
            return None
        result = given.about.scoped.family
        edges = self.targets.edge_of(result.ids)
        kept = edges != FAILED
        if not kept.all():
            self.losses["no_edge"] += len(kept) - int(kept.sum())
            edges, result = edges[kept], take(result, kept)
        self.losses["value_negative"] += int((result.values < 0).sum())
        times = times_ms[collection_of(result.ids)]
        sightings = Sightings(self.targets, edges, times // MINUTE_MS)
        return sightings, list(self._pieces(result, edges, times))

    def _pieces(self, result: Family, edges: Ids, times_ms: Ids) -> Iterator[Piece]:
        kind = self.rule.shape.kind
        rows = self.targets.rows(result.ids)
        chosen = self._choose(kind, result, edges, rows)
        if chosen is not None:
            result, rows, times_ms = take(result, chosen), rows[chosen], times_ms[chosen]
        if not len(rows):
            return
        if kind in (Kind.HISTOGRAM, Kind.PERCENTILE):
            rows = self.targets.with_bounds(rows, result.ids & BOUND_MASK)
        elif kind is Kind.SINGLE:
            rows = rows >> KEY_BITS << KEY_BITS
        whole = Piece(
            self.rule.metric,
            0,
            rows,
            to_long(result.values),
            self._counts(result),
            times_ms,
            kind is not Kind.SINGLE,
        )
        if MERGES[self.rule.metric.function] is Merge.LATEST:
            yield from _apart(whole, collection_of(result.ids))  # one replaces the other whole
        else:
            yield from _apart(whole, times_ms // MINUTE_MS)

    def _choose(
        self, kind: Kind, result: Family, edges: Ids, rows: Ids
    ) -> NDArray[np.generic] | None:
        """Which samples count; None: all."""
        if kind is Kind.SINGLE:
            return _first_of_each_edge(result, edges)
        if kind is Kind.LABELED:
            return _last_of_each_key(result, edges, rows)
        bounds = result.ids & BOUND_MASK
        bounded: NDArray[np.bool_] = bounds != NO_BOUND
        if self.rule.metric.function is not Function.SUM_HISTOGRAM_PERCENTILE:
            return bounded
        telling = _telling(result, rows, self.targets.heights(bounds))
        return telling & bounded

    @property
    def _is_average(self) -> bool:
        return self.rule.metric.function in AVERAGES

    def _counts(self, result: Family) -> Ids | None:
        if not self._is_average:
            return None
        if result.weights is None:
            return np.ones(len(result.ids), np.int64)
        return to_long(result.weights)


def _apart(whole: Piece, marks: Ids) -> Iterator[Piece]:
    """A piece for each mark; samples of one mark are of one minute."""
    several = marks[:1] if (marks == marks[0]).all() else np.unique(marks)
    for mark in several.tolist():
        mine = slice(None) if len(several) == 1 else marks == mark
        times_ms = whole.times_ms[mine]
        yield replace(
            whole,
            minute_s=int(times_ms[0]) // MINUTE_MS * 60,
            rows=whole.rows[mine],
            totals=whole.totals[mine],
            counts=None if whole.counts is None else whole.counts[mine],
            times_ms=times_ms,
        )


def _first_of_each_edge(result: Family, edges: Ids) -> Ids | None:
    """A single value is the first sample of its edge in its collection."""
    _, first = group(collection_of(result.ids) << COLLECTION_SHIFT | edges)
    return None if len(first) == len(edges) else first


def _last_of_each_key(result: Family, edges: Ids, rows: Ids) -> Ids | None:
    """Of equal labels of one edge in one collection the last stays."""
    in_collection = collection_of(result.ids) << COLLECTION_SHIFT
    _, last = group((in_collection | edges << KEY_BITS | rows & KEY_MASK)[::-1])
    return None if len(last) == len(edges) else np.sort(len(edges) - 1 - last)


def _telling(result: Family, rows: Ids, heights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """
    Buckets that are not empty, and the lowest of each run of buckets of one row.

    The others change no percentile of sums: a rank settles in a bucket that raises the running
    count, or in the lowest.
    """
    if not len(rows):
        return np.zeros(0, np.bool_)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    lowest = np.repeat(np.minimum.reduceat(heights, starts), np.diff(starts, append=len(rows)))
    telling: NDArray[np.bool_] = (result.values > 0) | (heights == lowest)
    return telling
