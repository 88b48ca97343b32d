"""
The audit: an entry is kept before the answer that it speaks of is given.

In: what resolvers of sampled bytes and of tasks tell.  Out: the list.
"""

from collections.abc import Mapping
from typing import Any

from ariadne import QueryType

from podwire.model.audit import Act, Entry
from podwire.query.context import Info, context_of, source_of
from podwire.query.duration import buckets

query = QueryType()

LIMIT, MOST = 100, 10_000


async def note(info: Info, act: Act, subject: str) -> None:
    """Keep that whoever asks did this; when that fails, so does the question."""
    context = context_of(info)
    await context.source.write_audit(Entry(context.now_ms(), context.who, act, subject))


@query.field("audit")
async def audit(
    _: object, info: Info, duration: Mapping[str, Any], limit: int | None = None
) -> list[dict[str, Any]]:
    times = buckets(duration)
    found = await source_of(info).audit(
        since_ms=times.starts_s[0] * 1000,
        until_ms=times.end_s * 1000 - 1,
        limit=max(1, min(limit or LIMIT, MOST)),
    )
    return [
        {"time": each.time_ms, "who": each.who, "act": each.act.value, "subject": each.subject}
        for each in found
    ]
