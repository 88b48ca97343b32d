"""
Which entities have metrics at all.

In: names of metrics, how an id begins.  Out: ids; entities are nowhere listed apart, their minutes
say that they were there.
"""

from collections.abc import Sequence

from podwire.storage.engine import Engine
from podwire.storage.rows import TABLES

ENTITIES = """
SELECT DISTINCT entity FROM (TABLES)
ORDER BY entity LIMIT {limit:UInt32}
"""
OF_A_TABLE = """
SELECT DISTINCT entity FROM {table}
WHERE startsWith(entity, {{prefix:String}}) AND metric IN {{metrics:Array(String)}}
  AND minute >= toDateTime({{since:Int64}}) AND minute <= toDateTime({{until:Int64}})
"""


async def entities(
    engine: Engine,
    metrics: Sequence[str],
    prefix: str,
    *,
    since_s: int,
    until_s: int,
    limit: int,
) -> list[str]:
    """The ids that begin so and have one of these metrics in these minutes, both included."""
    parts = " UNION ALL ".join(OF_A_TABLE.format(table=table) for table in TABLES.values())
    parameters = {
        "metrics": list(metrics),
        "prefix": prefix,
        "since": since_s,
        "until": until_s,
        "limit": limit,
    }
    return [row[0] for row in await engine.query(ENTITIES.replace("TABLES", parts), parameters)]
