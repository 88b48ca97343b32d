"""Who read sampled bytes, and who let secrets leave a node."""

import pytest

from podwire.model.audit import Act, Entry

from .asking import INSTANCE, NOW_MS, Asking
from .test_trace import ENTRY, EXIT, event

TRACE = 'query { queryTrace(traceId: "t") { spans { spanId %s } } }'
EVENTS = 'query { sampledEvents(traceId: "t") { event } }'
CREATE = """
mutation ($request: EBPFProfilingNetworkTaskRequest!) {
  createEBPFNetworkProfiling(request: $request) { status id }
}
"""
LIST = "query { audit(duration: %s, limit: 1) { time who act subject } }"
TASKS = 'query { queryEBPFProfilingTasks(serviceInstanceId: "%s") { taskId redact } }'
DAY = '{ start: "2026-11-24", end: "2026-11-25", step: DAY }'
"""Around NOW_MS, in any time zone."""

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("query", [TRACE % "attachedEvents { event }", EVENTS])
async def test_whoever_reads_sampled_bytes_is_noted(ask: Asking, query: str) -> None:
    """With the address, the trace and the time."""
    ask.rows.traced, ask.rows.happened = [EXIT, ENTRY], [event(1)]
    await ask.data(query)

    assert [Entry(NOW_MS, "127.0.0.1", Act.READ_SAMPLE, "t")] == ask.rows.noted


async def test_a_trace_without_its_events_tells_nothing_of_anybody(ask: Asking) -> None:
    """What is not asked for is neither read nor noted."""
    ask.rows.traced, ask.rows.happened = [EXIT, ENTRY], [event(1)]
    await ask.data(TRACE % "kind: type")

    assert [] == ask.rows.noted


async def test_where_nothing_was_sampled_nobody_is_noted(ask: Asking) -> None:
    """An empty answer holds nobody's data."""
    await ask.data(EVENTS)

    assert [] == ask.rows.noted


@pytest.mark.parametrize("redact", [True, False])
async def test_a_task_that_masks_nothing_says_who_started_it(ask: Asking, redact: bool) -> None:
    """And the list of tasks shows that it does not mask."""
    request = {"instanceId": INSTANCE, "redact": redact}
    made = await ask.data(CREATE, request=request)
    identity = made["createEBPFNetworkProfiling"]["id"]
    listed = await ask.data(TASKS % INSTANCE)

    noted = [] if redact else [Entry(NOW_MS, "127.0.0.1", Act.REDACTION_OFF, identity)]
    assert noted == ask.rows.noted
    assert [{"taskId": identity, "redact": redact}] == listed["queryEBPFProfilingTasks"]


async def test_the_list_is_the_newest_of_a_time(ask: Asking) -> None:
    """As many as were asked for."""
    ask.rows.noted = [Entry(NOW_MS, "10.0.0.7", Act.READ_SAMPLE, each) for each in "ab"]
    found = await ask.data(LIST % DAY)

    expected = {"time": NOW_MS, "who": "10.0.0.7", "act": "READ_SAMPLE", "subject": "b"}
    assert [expected] == found["audit"]
