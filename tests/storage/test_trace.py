"""Sampled requests and traces, in the real embedded engine."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from podwire.model.record import SampledKind, SampledRecord
from podwire.model.trace import Ref, Span, SpanEvent, SpanLog
from podwire.storage import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOW_MS = int(time.time()) * 1000  # what is older than three days would be removed
NOW_NS = NOW_MS * 1_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store() -> AsyncIterator[Store]:
    """A store that only this file uses; tests keep to entities of their own."""
    opened = await Store.open("chdb://memory")
    yield opened
    await opened.close()


def sample(entity: str, trace_id: str, latency_ms: int, at_ms: int = NOW_MS) -> SampledRecord:
    """A slow request."""
    return SampledRecord(
        kind=SampledKind.SLOW,
        entity=entity,
        trace_id=trace_id,
        statement="/path",
        latency_ms=latency_ms,
        timestamp_ms=at_ms,
    )


async def latencies(store: Store, entity: str, **rest: object) -> list[int]:
    """What is found of an edge, in its order."""
    wanted = {"since_ms": 0, "until_ms": NOW_MS, "limit": 10, "slowest": True} | rest
    found = await store.records(SampledKind.SLOW, entity, **wanted)  # type: ignore[arg-type]
    return [each.latency_ms for each in found]


async def test_the_slowest_or_the_fastest_samples_of_an_edge_come_first(store: Store) -> None:
    """As many as were asked for, of that edge alone."""
    await store.add_records([sample("edge", str(n), n * 10) for n in range(1, 4)])
    await store.add_records([sample("other", "9", 90)])

    assert [30, 20] == await latencies(store, "edge", limit=2)
    assert [10, 20, 30] == await latencies(store, "edge", slowest=False)


async def test_a_sample_that_is_sent_again_is_one_sample(store: Store) -> None:
    """Same edge, same second, same trace."""
    for _ in range(2):
        await store.add_records([sample("again", "1", 10)])

    assert [10] == await latencies(store, "again")


async def test_samples_are_found_in_their_time(store: Store) -> None:
    """Both ends are included, to the millisecond."""
    await store.add_records([sample("times", str(n), n, NOW_MS - 10 + n) for n in range(3)])

    assert [1] == await latencies(store, "times", since_ms=NOW_MS - 9, until_ms=NOW_MS - 9)


SPAN = Span(
    trace_id="trace",
    segment_id="segment",
    span_id=1,
    parent_span_id=0,
    service="s",
    instance="i",
    start_ms=NOW_MS,
    end_ms=NOW_MS + 5,
    endpoint="/path",
    kind="Exit",
    peer="10.0.0.1:80",
    component=5005,
    is_error=True,
    layer="Http",
    refs=(Ref("trace", "other", 3, "CROSS_PROCESS"),),
    tags=(("url", "/path"), ("url", "again")),
    logs=(SpanLog(NOW_MS + 1, (("event", "error"),)),),
)


async def test_a_span_comes_back_as_it_was_reported(store: Store) -> None:
    """With every field, tags of one name included; reported twice it is there once."""
    for _ in range(2):
        await store.add_spans([SPAN])

    assert [SPAN] == list(await store.spans("trace"))
    assert [] == list(await store.spans("nothing"))


def event(name: str, start_ns: int, **rest: object) -> SpanEvent:
    """Something seen while the span ran."""
    values: dict[str, object] = {"tags": (("data_size", "10"),), "summary": (("bytes", 7),)}
    return SpanEvent(
        trace_id="events",
        segment_id="segment",
        span_id="1",
        name=name,
        start_ns=start_ns,
        end_ns=start_ns + 1,
        **(values | rest),  # type: ignore[arg-type]
    )


async def test_events_come_back_by_start(store: Store) -> None:
    """Nanoseconds are kept, each event once, those in a Zipkin context too."""
    second, first = event("b", NOW_NS + 2), event("a", NOW_NS + 1)
    zipkins = event("z", NOW_NS + 3, is_zipkin=True)
    await store.add_events([second, first, zipkins])
    await store.add_events([first])

    assert [first, second, zipkins] == list(await store.events("events"))
