"""
One trace, with what network profiling saw of its requests (contract 5.5).

In: a trace id.  Out: its spans, each with the events that belong to it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ariadne import QueryType

from podwire.model.audit import Act
from podwire.model.trace import Pairs, Span, SpanEvent
from podwire.query.answer.audit import note
from podwire.query.answer.component import component_name
from podwire.query.context import Info, source_of

query = QueryType()

Key = tuple[str, str]
SECOND_NS = 1_000_000_000


@query.field("queryTrace")
async def query_trace(
    _: object,
    info: Info,
    traceId: str,
    duration: Mapping[str, Any] | None = None,
    debug: bool | None = None,
) -> dict[str, Any]:
    spans = await source_of(info).spans(traceId)
    events = await _events(info, traceId) if spans and _asks_for_events(info) else ()
    attached = attach(spans, events)
    return {"spans": [_span(each, attached.get(key_of(each), ())) for each in spans]}


@query.field("sampledEvents")
async def sampled_events(_: object, info: Info, traceId: str) -> list[dict[str, Any]]:
    return [
        {
            **_event(each),
            "segmentId": each.segment_id,
            "spanId": each.span_id,
            "isZipkin": each.is_zipkin,
        }
        for each in await _events(info, traceId)
    ]


def _asks_for_events(info: Info) -> bool:
    """Whether the field is asked for: its name stands in the text then, fragments included."""
    place = info.field_nodes[0].loc
    return place is None or "attachedEvents" in place.source.body


async def _events(info: Info, trace_id: str) -> Sequence[SpanEvent]:
    """The events of a trace; what holds people's data is given to nobody who is not noted."""
    found = await source_of(info).events(trace_id)
    if found:
        await note(info, Act.READ_SAMPLE, trace_id)
    return found


def key_of(span: Span) -> Key:
    """What events name a span by."""
    return span.segment_id, str(span.span_id)


def attach(spans: Sequence[Span], events: Sequence[SpanEvent]) -> dict[Key, list[SpanEvent]]:
    """
    The events of each span, by start.

    The context on the wire is the client's exit span. What the server's side saw belongs to the
    span that answered it; the first event of a span decides for all that follow. An event without
    a span is left out.
    """
    known = {key_of(each): each for each in spans}
    answering = {
        (ref.segment_id, str(ref.span_id)): key_of(span)
        for span in spans
        if span.kind == "Entry"
        for ref in span.refs
    }
    places: dict[Key, Key] = {}
    found: dict[Key, list[SpanEvent]] = {}
    for event in sorted(events, key=lambda each: each.start_ns):
        key = (event.segment_id, event.span_id)
        if event.is_zipkin or key not in known:
            continue
        if key not in places:
            places[key] = answering.get(key, key) if is_servers(event) else key
        found.setdefault(places[key], []).append(event)
    return found


def is_servers(event: SpanEvent) -> bool:
    """Whether the side that answers saw it: a request coming in, or a response going out."""
    tags = {key.lower(): value.lower() for key, value in event.tags}
    direction = tags.get("data_direction", "")
    what = tags.get("data_type", "")
    return (what, direction) in (("request", "inbound"), ("response", "outbound"))


def _span(span: Span, events: Sequence[SpanEvent]) -> dict[str, Any]:
    return {
        "traceId": span.trace_id,
        "segmentId": span.segment_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id,
        "refs": [
            {
                "traceId": ref.trace_id,
                "parentSegmentId": ref.segment_id,
                "parentSpanId": ref.span_id,
                "type": ref.kind,
            }
            for ref in span.refs
        ],
        "serviceCode": span.service,
        "serviceInstanceName": span.instance,
        "startTime": span.start_ms,
        "endTime": span.end_ms,
        "endpointName": span.endpoint,
        "type": span.kind,
        "peer": span.peer,
        "component": component_name(span.component),
        "isError": span.is_error,
        "layer": span.layer,
        "tags": _pairs(span.tags),
        "logs": [{"time": log.time_ms, "data": _pairs(log.data)} for log in span.logs],
        "attachedEvents": [_event(each) for each in events],
    }


def _event(event: SpanEvent) -> dict[str, Any]:
    return {
        "startTime": _instant(event.start_ns),
        "event": event.name,
        "endTime": _instant(event.end_ns),
        "tags": _pairs(event.tags),
        "summary": [{"key": key, "value": value} for key, value in event.summary],
    }


def _instant(time_ns: int) -> dict[str, int]:
    seconds, nanos = divmod(time_ns, SECOND_NS)
    return {"seconds": seconds, "nanos": nanos}


def _pairs(pairs: Pairs) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in pairs]
