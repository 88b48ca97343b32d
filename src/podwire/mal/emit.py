"""
What a rule's result says of the edges it is about.

In: a family with the shape of its rule.  Out: partials by edge, ready to merge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from podwire.mal.check import Kind, Scope, Shape
from podwire.mal.family import Family, to_long
from podwire.mal.labels import Labels, LabelTable, Memo, project
from podwire.model import identity
from podwire.model.metric import Function, Partial, Relation, Side

COMPONENT_LIMIT = 2**31


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
    """Where a sample's value goes."""

    edge: Edge
    entity: str
    key: str
    """The remaining labels as `{code=200}`, empty without any; for buckets without the bound."""

    bound: str | None
    """The bucket's bound; None for what is no bucket."""


def targets(table: LabelTable, scope: Scope) -> Memo[Target | None]:
    """Where the samples of each label set go; None: its labels name no edge."""
    edges = table.memo(("edge", scope), partial(_edge_or_none, scope))

    def target_or_none(labels: Labels) -> Target | None:
        edge = edges[table.intern(project(scope.labels, labels))]
        if edge is None:
            return None
        return _target(edge, [each for each in labels if each[0] not in scope.labels])

    return table.memo(("target", scope), target_or_none)


def _target(edge: Edge, labels: list[tuple[str, str]]) -> Target:
    rest = dict(labels)
    bound = rest.pop("le", None)
    text = ",".join(f"{key}={value}" for key, value in rest.items())
    return Target(edge, edge.entity, f"{{{text}}}" if rest else "", bound)


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
class Emitted:
    """The edges and partials of one rule and one batch."""

    edges: dict[Edge, None]
    partials: list[Partial]
    homeless: int
    """Samples whose labels name no edge."""


def emit(
    metric: str, shape: Shape, result: Family, where: Memo[Target | None], minute_s: int
) -> Emitted:
    """The partials of a family."""
    found = [where[identity] for identity in result.ids.tolist()]
    kept = [(at, target) for at, target in enumerate(found) if target is not None]
    if shape.kind is Kind.SINGLE:
        partials = list(_singles(metric, shape, result, kept, minute_s))
    else:
        gather = _percentiles if shape.kind is Kind.PERCENTILE else _labeled
        partials = list(gather(metric, result, kept, minute_s))
    edges = dict.fromkeys(target.edge for _, target in kept)
    return Emitted(edges, partials, len(found) - len(kept))


Kept = list[tuple[int, Target]]


def _singles(
    metric: str, shape: Shape, result: Family, kept: Kept, minute_s: int
) -> Iterator[Partial]:
    """The first sample of each edge."""
    totals = to_long(result.values).tolist()
    average = shape.function is Function.AVG
    counts = [int(average)] * len(totals)
    if average and result.weights is not None:
        counts = to_long(result.weights).tolist()
    seen: set[Edge] = set()
    for at, target in kept:
        if target.edge not in seen:
            seen.add(target.edge)
            entity, side = target.entity, target.edge.side
            yield Partial(metric, entity, side, minute_s, totals[at], counts[at])


def _labeled(metric: str, result: Family, kept: Kept, minute_s: int) -> Iterator[Partial]:
    """A table per edge; the last of equal labels stays."""
    totals = to_long(result.values).tolist()
    tables: dict[Edge, dict[str, int]] = {}
    for at, target in kept:
        tables.setdefault(target.edge, {})[target.key] = totals[at]
    return _tables(metric, tables, minute_s)


def _percentiles(metric: str, result: Family, kept: Kept, minute_s: int) -> Iterator[Partial]:
    """
    Counts by bound per edge, equal bounds added.

    Of empty buckets only the lowest stays: no rank ever settles in another one.
    """
    totals = to_long(result.values).tolist()
    groups: dict[Edge, dict[str, dict[str, int]]] = {}
    for at, target in kept:
        if target.bound is not None:
            buckets = groups.setdefault(target.edge, {}).setdefault(target.key, {})
            buckets[target.bound] = buckets.get(target.bound, 0) + totals[at]
    tables = {edge: _without_empty(by_key) for edge, by_key in groups.items()}
    return _tables(metric, tables, minute_s)


def _without_empty(by_key: dict[str, dict[str, int]]) -> dict[str, int]:
    table = {}
    for key, buckets in by_key.items():
        lowest = min(buckets, key=float)
        prefix = f"{key}:" if key else ""
        for bound, count in buckets.items():
            if count or bound == lowest:
                table[prefix + bound] = count
    return table


def _tables(metric: str, tables: dict[Edge, dict[str, int]], minute_s: int) -> Iterator[Partial]:
    for edge, table in tables.items():
        yield Partial(metric, edge.entity, edge.side, minute_s, table=table)
