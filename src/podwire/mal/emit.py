"""
What a rule's result says of the edges it is about.

In: a family with the shape of its rule.  Out: partials by edge, ready to merge.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from podwire.mal.check import Kind, Scope
from podwire.mal.family import LONG_MAX, Family, to_long
from podwire.mal.labels import (
    BOUND_BITS,
    BOUND_MASK,
    NO_BOUND,
    Ids,
    Labels,
    LabelTable,
    Memo,
    project,
)
from podwire.mal.rules import Rule
from podwire.model import identity
from podwire.model.metric import Function, Partial, Relation, Side

COMPONENT_LIMIT = 2**31

Kept = list[tuple[int, "Target"]]
"""Where in the family a sample is, and where it goes."""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """What a sample is about; there is one of each, so edges compare by being the same."""

    instance_id: str
    source: str
    target: str
    side: Side
    component: int

    @property
    def entity(self) -> str:
        return identity.relation_id(self.source, self.target)

    def seen(self, minute_s: int) -> Relation:
        """The edge as storage keeps it for a minute."""
        return Relation(
            self.instance_id, self.source, self.target, self.side, self.component, minute_s
        )


@dataclass(frozen=True, slots=True)
class Target:
    """Where the value of a sample goes."""

    edge: Edge
    entity: str
    key: str
    """The remaining labels as `{code=200}`, empty without any."""


def targets(table: LabelTable, scope: Scope) -> Memo[int, Target | None]:
    """Where the samples of each plain label set go; None: its labels name no edge."""
    edges = table.memo(("edge", scope), partial(_edge_or_none, scope))

    def target_or_none(labels: Labels) -> Target | None:
        edge = edges[table.intern(project(scope.labels, labels)) >> BOUND_BITS]
        if edge is None:
            return None
        rest = [f"{key}={value}" for key, value in labels if key not in scope.labels]
        return Target(edge, edge.entity, f"{{{','.join(rest)}}}" if rest else "")

    return table.memo(("target", scope), target_or_none)


def _edge_or_none(scope: Scope, labels: Labels) -> Edge | None:
    values = dict(labels)
    component = _component_or_none(values.get(scope.component, ""))
    source, target = values.get(scope.source), values.get(scope.target)
    if component is None or not source or not target:
        return None
    service = identity.service_id(_joined(scope.service, values))
    instance = identity.instance_id(service, _joined(scope.instance, values))
    server = values.get(scope.side, "").lower() == Side.SERVER
    side = Side.SERVER if server else Side.CLIENT
    return Edge(instance, source, target, side, component)


def _joined(keys: tuple[str, ...], values: dict[str, str]) -> str:
    return ".".join(value for key in keys if (value := values.get(key)))


def _component_or_none(text: str) -> int | None:
    try:
        component = int(text)
    except ValueError:
        return None
    return component if -COMPONENT_LIMIT <= component < COMPONENT_LIMIT else None


@dataclass(frozen=True, slots=True)
class Emitter:
    """Turns the results of one rule into partials."""

    rule: Rule
    table: LabelTable
    where: Memo[int, Target | None]
    losses: Counter[str]

    def emit(self, result: Family, minute_s: int) -> tuple[dict[Edge, None], list[Partial]]:
        """The edges of a family's samples, and their partials."""
        plain = (result.ids >> BOUND_BITS).tolist()
        found = [self.where[number] for number in plain]
        kept = [(at, target) for at, target in enumerate(found) if target is not None]
        self.losses["no_edge"] += len(found) - len(kept)
        partials = EMITTERS[self.rule.shape.kind](self, result, kept, minute_s)
        return dict.fromkeys(target.edge for _, target in kept), list(partials)

    def singles(self, result: Family, kept: Kept, minute_s: int) -> Iterator[Partial]:
        """The first sample of each edge."""
        metric = self.rule.metric
        totals = to_long(result.values).tolist()
        counts = [int(metric.function is Function.AVG)] * len(totals)
        if metric.function is Function.AVG and result.weights is not None:
            counts = to_long(result.weights).tolist()
        seen: set[Edge] = set()
        for at, target in kept:
            if target.edge not in seen:
                seen.add(target.edge)
                side = target.edge.side
                yield Partial(metric.name, target.entity, side, minute_s, totals[at], counts[at])

    def labeled(self, result: Family, kept: Kept, minute_s: int) -> Iterator[Partial]:
        """A table per edge; the last of equal labels stays."""
        totals = to_long(result.values).tolist()
        tables: dict[Edge, dict[str, int]] = {}
        for at, target in kept:
            tables.setdefault(target.edge, {})[target.key] = totals[at]
        return self._tables(tables, minute_s)

    def percentiles(self, result: Family, kept: Kept, minute_s: int) -> Iterator[Partial]:
        """Counts by bound per edge; samples without a bound are none of a histogram's."""
        totals = to_long(result.values)
        telling = self._telling(result.ids, totals).tolist()
        counts = totals.tolist()
        bounds = (result.ids & BOUND_MASK).tolist()
        tables: dict[Edge, dict[str, int]] = {}
        for at, target in kept:
            if telling[at]:
                table = tables.setdefault(target.edge, {})
                text = self.table.bound_text(bounds[at])
                key = f"{target.key}:{text}" if target.key else text
                table[key] = min(table.get(key, 0) + counts[at], LONG_MAX)
        return self._tables(tables, minute_s)

    def _telling(self, ids: Ids, totals: NDArray[np.int64]) -> NDArray[np.bool_]:
        """
        Buckets that are not empty, and the lowest of each histogram.

        The others change no percentile: a rank settles in a bucket that raises the running
        count, or in the lowest.
        """
        values = self.table.bound_values(ids & BOUND_MASK)
        plain = ids >> BOUND_BITS
        order = np.lexsort((values, plain))
        lowest = np.zeros(len(ids), np.bool_)
        lowest[order[np.diff(plain[order], prepend=-1) != 0]] = True
        telling: NDArray[np.bool_] = (lowest | (totals > 0)) & (ids & BOUND_MASK != NO_BOUND)
        return telling

    def _tables(self, tables: dict[Edge, dict[str, int]], minute_s: int) -> Iterator[Partial]:
        for edge, table in tables.items():
            yield Partial(self.rule.metric.name, edge.entity, edge.side, minute_s, table=table)


EMITTERS = {
    Kind.SINGLE: Emitter.singles,
    Kind.LABELED: Emitter.labeled,
    Kind.PERCENTILE: Emitter.percentiles,
}
