"""Sampled requests, their events and their traces become what queries answer with."""

import json

import pytest

from podwire.model.identity import (
    instance_id,
    process_id,
    relation_id,
    service_id,
)
from podwire.model.metric import Side
from podwire.model.process import DetectType
from podwire.model.record import SampledKind
from podwire.model.trace import Ref
from podwire.wire.gen.skywalking import logging_pb2, management_pb2, tracing_pb2
from receiver.serving import NOW_MS, Backend, call

LOGS = "/skywalking.v3.LogReportService/collect"
SEGMENTS = "/skywalking.v3.TraceSegmentReportService/collect"
EVENTS = "/skywalking.v3.SpanAttachedEventReportService/collect"
INSTANCE = instance_id(service_id("service"), "test-instance")
NOBODY = {"process_id": "", "local": False, "address": ""}
BODY = {
    "uri": "/provider", "reason": "slow", "latency": 1002, "trace_provider": "skywalking",
    "client_process": NOBODY | {"process_id": "c1"},
    "server_process": NOBODY | {"address": "10.0.0.9:80"},
    "detect_point": "client", "component": "http", "ssl": False, "status": 200,
}  # fmt: skip


def sample(**body: object) -> logging_pb2.LogData:
    """A log as Rover writes it."""
    log = logging_pb2.LogData(
        timestamp=NOW_MS, service="service", serviceInstance="test-instance", layer="K8S_SERVICE"
    )
    log.tags.data.add(key="LOG_KIND", value="NET_PROFILING_SAMPLED_TRACE")
    log.traceContext.traceId = "trace-1"
    log.body.type, log.body.json.json = "json", json.dumps(BODY | body)
    return log


async def send(backend: Backend, method: str, *messages: object) -> None:
    """One stream of messages."""
    async with backend.channel() as channel:
        await call(channel, method, *(m.SerializeToString() for m in messages))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("slow", SampledKind.SLOW),
        ("status_4xx", SampledKind.STATUS_4XX),
        ("status_5xx", SampledKind.STATUS_5XX),
    ],
)
async def test_a_sampled_request_is_a_record_of_its_edge(
    backend: Backend, reason: str, kind: SampledKind
) -> None:
    """Named by the rule; the peer's address is named as for meters."""
    await send(backend, LOGS, sample(reason=reason))

    (record,) = backend.memory.records
    edge = relation_id("c1", process_id(INSTANCE, "cart.shop"))
    assert (kind, edge, "trace-1", "skywalking-/provider", 1002, NOW_MS) == (
        record.kind, record.entity, record.trace_id, record.statement, record.latency_ms,
        record.timestamp_ms,
    )  # fmt: skip


async def test_its_edge_and_its_unmonitored_end_are_seen(backend: Backend) -> None:
    """A topology shows an edge of which only samples came."""
    await send(backend, LOGS, sample(ssl=True))

    (relation,) = backend.memory.relations
    assert (INSTANCE, "c1", Side.CLIENT, 129) == (
        relation.instance_id, relation.source, relation.side, relation.component,
    )  # fmt: skip
    (virtual,) = backend.memory.reported
    assert (DetectType.VIRTUAL, "cart.shop") == (virtual.detect_type, virtual.entity.process)


@pytest.mark.parametrize(
    ("end", "name"),
    [
        (NOBODY | {"local": True, "address": "1.1.1.1:1"}, "UNKNOWN_LOCAL"),
        (NOBODY | {"address": "1.1.1.1:1"}, "UNKNOWN_REMOTE"),
    ],
)
async def test_an_end_is_a_process_else_local_else_an_address(
    backend: Backend, end: dict[str, object], name: str
) -> None:
    """In the order that meters have."""
    await send(backend, LOGS, sample(client_process=end, detect_point="server"))

    (record,) = backend.memory.records
    assert record.entity.startswith(process_id(INSTANCE, name))
    assert Side.SERVER is backend.memory.relations[0].side


BAD = [
    {"reason": "other"}, {"latency": -1}, {"latency": "1"}, {"latency": True}, {"uri": ""},
    {"client_process": NOBODY}, {"client_process": 5}, {"server_process": None},
]  # fmt: skip


@pytest.mark.parametrize("body", BAD)
async def test_a_body_that_is_no_sampled_request_is_refused_alone(
    backend: Backend, body: dict[str, object]
) -> None:
    """The one after it in the same stream is kept."""
    await send(backend, LOGS, sample(**body), sample())

    assert 1 == len(backend.memory.records)
    assert 1 == backend.tally.statistics()["sample_refused_malformed_total"]


async def test_json_that_is_none_or_too_deep_is_refused(backend: Backend) -> None:
    """Without a recursion error."""
    bad = [sample(), sample(), sample()]
    for log, text in zip(bad, ("{", "[1]", "[" * 100_000), strict=True):
        log.body.json.json = text
    await send(backend, LOGS, *bad)

    assert 3 == backend.tally.statistics()["sample_refused_malformed_total"]


async def test_a_sample_from_another_time_is_refused(backend: Backend) -> None:
    """Its sender's clock is wrong."""
    late = sample()
    late.timestamp = NOW_MS - 25 * 3600 * 1000
    await send(backend, LOGS, late)

    assert [] == backend.memory.records
    assert 1 == backend.tally.statistics()["sample_refused_time_total"]


async def test_the_first_service_of_a_stream_holds_for_logs_that_name_none(
    backend: Backend,
) -> None:
    """Only the first message needs to say it."""
    nameless = sample()
    nameless.service = ""
    await send(backend, LOGS, sample(), nameless)

    assert 2 == len(backend.memory.records)


async def test_other_logs_are_counted_and_their_instance_exists(backend: Backend) -> None:
    """Without a layer it is a service of language agents."""
    await send(backend, LOGS, logging_pb2.LogData(service="plain", serviceInstance="i"))

    assert 1 == backend.tally.statistics()["log_not_kept_total"]
    assert [("GENERAL", "plain", "i")] == [
        (each.layer, each.service, each.instance) for each in backend.memory.seen
    ]


def segment() -> tracing_pb2.SegmentObject:
    """An entry span that another segment's exit span called."""
    made = tracing_pb2.SegmentObject(
        traceId="trace-1", traceSegmentId="segment-2", service="service", serviceInstance="go"
    )
    span = made.spans.add(
        spanId=0, parentSpanId=-1, startTime=NOW_MS, endTime=NOW_MS + 5, operationName="GET:/",
        spanType=tracing_pb2.Entry, spanLayer=tracing_pb2.Http, componentId=5004,
    )  # fmt: skip
    span.refs.add(traceId="trace-1", parentTraceSegmentId="segment-1", parentSpanId=1)
    return made


async def test_a_segment_becomes_spans_and_its_service_exists(backend: Backend) -> None:
    """With the words that queries answer."""
    await send(backend, SEGMENTS, segment())

    (span,) = backend.memory.spans
    assert ("Entry", "Http", 5004, (Ref("trace-1", "segment-1", 1, "CROSS_PROCESS"),)) == (
        span.kind, span.layer, span.component, span.refs,
    )  # fmt: skip
    assert [("GENERAL", "service", "go")] == [
        (each.layer, each.service, each.instance) for each in backend.memory.seen
    ]


async def test_segments_in_one_call_are_the_same(backend: Backend) -> None:
    """`collectInSync` is unary."""
    collection = tracing_pb2.SegmentCollection(segments=[segment(), segment()])
    await send(backend, "/skywalking.v3.TraceSegmentReportService/collectInSync", collection)

    assert 2 == len(backend.memory.spans)


@pytest.mark.parametrize("field", ["spanType", "spanLayer", "startTime"])
async def test_a_segment_with_an_unknown_word_or_time_is_refused_alone(
    backend: Backend, field: str
) -> None:
    """Counted; the next one of the stream is kept."""
    bad = segment()
    setattr(bad.spans[0], field, 99)
    await send(backend, SEGMENTS, bad, segment())

    statistics = backend.tally.statistics()
    refused = [value for name, value in statistics.items() if name.startswith("segment_refused")]
    assert ([1], 1) == (refused, len(backend.memory.spans))


def event(kind: int = 0) -> tracing_pb2.SpanAttachedEvent:
    """A request that was seen while span 1 of segment-1 ran."""
    made = tracing_pb2.SpanAttachedEvent(event="HTTP Request Sampling")
    made.startTime.seconds, made.startTime.nanos = NOW_MS // 1000, 7
    made.endTime.seconds = NOW_MS // 1000 + 1
    made.tags.add(key="data_size", value="157B")
    context = made.traceContext
    context.traceId, context.traceSegmentId, context.spanId = "trace-1", "segment-1", "1"
    context.type = kind  # type: ignore[assignment]
    return made


@pytest.mark.parametrize("kind", [0, 1])
async def test_an_event_keeps_its_nanoseconds_and_its_span(backend: Backend, kind: int) -> None:
    """Of both kinds of context."""
    await send(backend, EVENTS, event(kind))

    (kept,) = backend.memory.events
    assert ("segment-1", "1", NOW_MS * 1_000_000 + 7, (("data_size", "157B"),), bool(kind)) == (
        kept.segment_id, kept.span_id, kept.start_ns, kept.tags, kept.is_zipkin,
    )  # fmt: skip


async def test_an_event_of_an_unknown_kind_or_time_is_refused_alone(backend: Backend) -> None:
    """Counted; the ones around it are kept."""
    ancient = event()
    ancient.startTime.seconds = 2**62
    await send(backend, EVENTS, event(7), ancient, tracing_pb2.SpanAttachedEvent(), event())

    assert 1 == len(backend.memory.events)
    assert 3 == backend.tally.statistics()["event_refused_malformed_total"]


async def test_language_agents_say_that_they_are_there(backend: Backend) -> None:
    """An unknown layer is refused and counted, none is GENERAL."""
    method = "/skywalking.v3.ManagementService/"
    ping = management_pb2.InstancePingPkg(service="s", serviceInstance="i")
    await send(backend, method + "keepAlive", ping)
    ping.layer = "NO_SUCH"
    await send(backend, method + "keepAlive", ping)
    properties = management_pb2.InstanceProperties(service="s", serviceInstance="j", layer="FAAS")
    await send(backend, method + "reportInstanceProperties", properties)

    assert [("GENERAL", "i"), ("FAAS", "j")] == [(s.layer, s.instance) for s in backend.memory.seen]
    assert 1 == backend.tally.statistics()["instance_refused_malformed_total"]
