"""
The audit in storage: kept for ninety days, whatever becomes of the data it speaks of.

In: what an asker did.  Out: the newest of it.
"""

from collections.abc import Sequence

from podwire.model.audit import Act, Entry
from podwire.storage.engine import Engine

ENTRIES = """
SELECT time_ms, who, act, subject FROM audit
WHERE time_ms >= {since:Int64} AND time_ms <= {until:Int64}
ORDER BY time_ms DESC, who, act, subject
LIMIT {limit:UInt32}
"""


async def write(engine: Engine, entry: Entry) -> None:
    """Keep an entry; it is readable when this returns."""
    await engine.insert(
        "audit",
        {
            "time_ms": [entry.time_ms],
            "who": [entry.who],
            "act": [entry.act.value],
            "subject": [entry.subject],
        },
    )


async def entries(engine: Engine, *, since_ms: int, until_ms: int, limit: int) -> Sequence[Entry]:
    """Entries of a time, both ends included, the newest first."""
    parameters = {"since": since_ms, "until": until_ms, "limit": limit}
    return [
        Entry(time_ms, who, Act(act), subject)
        for time_ms, who, act, subject in await engine.query(ENTRIES, parameters)
    ]
