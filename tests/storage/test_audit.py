"""The audit, in the real embedded engine."""

import time

import pytest

from podwire.model.audit import Act, Entry
from podwire.storage import Store

NEWER = Entry(2000, "10.0.0.7", Act.REDACTION_OFF, "task")
OLDER = Entry(1000, "10.0.0.8", Act.READ_SAMPLE, "trace")


@pytest.mark.asyncio
async def test_entries_come_back_the_newest_first() -> None:
    """Of a time whose both ends count, and no more than were asked for."""
    store = await Store.open("chdb://memory")
    now_ms = int(time.time()) * 1000  # what is older than ninety days would be removed
    try:
        entries = [Entry(now_ms + e.time_ms, e.who, e.act, e.subject) for e in (OLDER, NEWER)]
        for each in entries:
            await store.write_audit(each)
        since_ms, until_ms = entries[0].time_ms, entries[1].time_ms

        assert entries[::-1] == await store.audit(since_ms=since_ms, until_ms=until_ms, limit=9)
        assert entries[1:] == await store.audit(since_ms=since_ms, until_ms=until_ms, limit=1)
        assert entries[:1] == await store.audit(since_ms=since_ms, until_ms=since_ms, limit=9)
    finally:
        await store.close()
