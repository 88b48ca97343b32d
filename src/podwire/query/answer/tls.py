"""
What was read of TLS: each encrypted edge, each end on its own.

In: two metrics of an edge over a stretch of time.  Out: connections, read ones, reasons for the
rest in words. Both ends count the same connections, each with its own library: they are not added.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from ariadne import QueryType

from podwire.model.component import Component
from podwire.model.identity import relation_id
from podwire.model.metric import Side
from podwire.model.tls import WORDS, Reason, Unread, unread
from podwire.model.topology import Edge, Point
from podwire.query.context import Context, Info, context_of
from podwire.query.duration import Buckets, buckets
from podwire.query.mqe.value import labels

query = QueryType()

CONNECTIONS = "process_relation_tls_connections"
READABLE = "process_relation_tls_readable"
ENCRYPTED = (Component.HTTPS, Component.TLS)
PASSING = frozenset({Reason.UNSEEN.value, Reason.SILENT.value})
"""Why a connection is not read *yet*, for all that is known: each is one of these at first."""


@query.field("tlsCoverage")
async def tls_coverage(
    _: object,
    info: Info,
    serviceInstanceId: str,
    duration: Mapping[str, Any],
    source: str | None = None,
    target: str | None = None,
) -> list[dict[str, Any]]:
    context, times = context_of(info), buckets(duration)
    edges = await context.source.edges(serviceInstanceId, times.first_minute_s, times.last_minute_s)
    pairs = [
        (one, other)
        for one, other in _encrypted(edges)
        if source in (None, one) and target in (None, other)
    ]
    found = await asyncio.gather(*(_of_edge(context, times, *pair) for pair in pairs))
    return [row for rows in found for row in rows]


def _encrypted(edges: Sequence[Edge]) -> list[tuple[str, str]]:
    """Pairs that spoke TLS, each once."""
    return sorted({(each.source, each.target) for each in edges if each.component in ENCRYPTED})


async def stay_unread(
    context: Context, times: Buckets, pairs: Iterable[tuple[str, str]]
) -> set[tuple[str, str, Side]]:
    """Pairs and their ends at which something keeps connections from being read."""
    found = await asyncio.gather(*(_of_edge(context, times, *pair) for pair in pairs))
    return {
        (row["source"], row["target"], Side[row["side"]])
        for row in chain.from_iterable(found)
        if any(each["reason"] not in PASSING for each in row["unread"])
    }


async def _of_edge(
    context: Context, times: Buckets, source: str, target: str
) -> list[dict[str, Any]]:
    """A row for each side that counted."""
    entity, first, last = relation_id(source, target), times.first_minute_s, times.last_minute_s
    connections, readable = await asyncio.gather(
        context.loader.load(entity, CONNECTIONS, first, last),
        context.loader.load(entity, READABLE, first, last),
    )
    ends = {"source": source, "target": target}
    sides = [side for side in Side if any(each.side is side for each in (*connections, *readable))]
    return [ends | coverage(side, connections, readable) for side in sides]


def coverage(side: Side, connections: Sequence[Point], readable: Sequence[Point]) -> dict[str, Any]:
    """What one side saw. A connection may be counted before a window, and read within it."""
    blamed: Counter[tuple[str, Reason]] = Counter()
    for point in connections:
        if point.side is side:
            blamed.update(_blamed(point.table))
    read = sum(each.total for each in readable if each.side is side)
    rows = [_row(each) for each in unread(blamed, read)]
    total = max(sum(blamed.values()), read)
    return {"side": side.name, "connections": total, "readable": read, "unread": rows}


def _blamed(table: Mapping[str, int]) -> dict[tuple[str, Reason], int]:
    """A reason that this version does not know yet is an unknown one."""
    known = {each.value: each for each in Reason}
    found: Counter[tuple[str, Reason]] = Counter()
    for key, count in table.items():
        pairs = dict(labels(key))
        reason = known.get(pairs.get("reason", ""), Reason.UNKNOWN)
        found[pairs.get("library", ""), reason] += count
    return dict(found)


def _row(each: Unread) -> dict[str, Any]:
    words = WORDS[each.reason]
    return {
        "library": each.library,
        "reason": each.reason.value,
        "why": words.why,
        "remedy": words.remedy,
        "connections": each.connections,
    }
