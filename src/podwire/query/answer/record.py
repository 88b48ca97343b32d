"""Sampled requests of an edge, as a list."""

from collections.abc import Mapping
from typing import Any

from ariadne import QueryType

from podwire.model.metric import Scope
from podwire.query.context import Info, source_of
from podwire.query.duration import buckets
from podwire.query.entity import entity_id
from podwire.query.known import RECORDS

query = QueryType()

MOST = 10_000
"""Of one list; more are not read by anybody."""


@query.field("readRecords")
async def read_records(
    _: object, info: Info, condition: Mapping[str, Any], duration: Mapping[str, Any]
) -> list[dict[str, Any]]:
    entity = entity_id(Scope.PROCESS_RELATION, condition["parentEntity"])
    if condition["name"] not in RECORDS or entity is None or condition["topN"] < 1:
        return []
    times = buckets(duration)
    found = await source_of(info).records(
        RECORDS[condition["name"]],
        entity,
        since_ms=times.starts_s[0] * 1000,
        until_ms=times.end_s * 1000 - 1,
        limit=min(condition["topN"], MOST),
        slowest=condition["order"] == "DES",
    )
    return [
        {
            "name": each.statement,
            "id": each.trace_id,
            "value": str(each.latency_ms),
            "refId": each.trace_id,
        }
        for each in found
    ]
