"""
Sampled requests in storage.

In: what agents sampled.  Out: the most or the least slow of an edge.
"""

from collections.abc import Sequence

from podwire.model.record import SampledKind, SampledRecord
from podwire.storage.engine import Engine

RECORDS = """
SELECT kind, entity, trace_id, statement, latency_ms, timestamp_ms
FROM (
    SELECT * FROM sampled_record
    WHERE entity = {entity:String} AND kind = {kind:String}
      AND timestamp_ms >= {since:Int64} AND timestamp_ms <= {until:Int64}
    LIMIT 1 BY intDiv(timestamp_ms, 1000), trace_id
)
ORDER BY latency_ms * {sign:Int8}, timestamp_ms DESC, trace_id
LIMIT {limit:UInt32}
"""


async def write(engine: Engine, records: Sequence[SampledRecord]) -> None:
    """Keep samples; one that is there already is not there twice."""
    if records:
        columns = ("kind", "entity", "trace_id", "statement", "latency_ms", "timestamp_ms")
        await engine.insert(
            "sampled_record",
            {column: [getattr(each, column) for each in records] for column in columns},
        )


async def records(
    engine: Engine,
    kind: SampledKind,
    entity: str,
    *,
    since_ms: int,
    until_ms: int,
    limit: int,
    slowest: bool,
) -> list[SampledRecord]:
    """Samples of an edge, the slowest or the fastest first; both ends of the time included."""
    parameters = {
        "kind": kind.value,
        "entity": entity,
        "since": since_ms,
        "until": until_ms,
        "limit": limit,
        "sign": -1 if slowest else 1,
    }
    return [
        SampledRecord(
            kind=SampledKind(row[0]),
            entity=row[1],
            trace_id=row[2],
            statement=row[3],
            latency_ms=row[4],
            timestamp_ms=row[5],
        )
        for row in await engine.query(RECORDS, parameters)
    ]
