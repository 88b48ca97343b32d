"""
Traces on the wire: segments of language agents, events of network profiling (contract 2.7).

In: `SegmentObject` and `SpanAttachedEvent`.  Out: `model.Span` and `model.SpanEvent`.
"""

from collections.abc import Iterable

from podwire.model.trace import Ref, Span, SpanEvent, SpanLog
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import common_pb2
from podwire.wire.gen.skywalking import tracing_pb2 as pb

REF_KINDS = ("CROSS_PROCESS", "CROSS_THREAD")
"""As queries answer them, by the wire's ordinal."""

SECONDS_LIMIT = 2**33


def spans_of(segment: pb.SegmentObject) -> list[Span]:
    """
    The spans of a segment.

    Raises `Malformed` when it names no trace, segment, service or instance, or holds an unknown
    kind of span, layer or reference.
    """
    if not (segment.traceId and segment.traceSegmentId and segment.service):
        raise Malformed("a segment names no trace, segment or service")
    return [_span(segment, span) for span in segment.spans]


def _span(segment: pb.SegmentObject, span: pb.SpanObject) -> Span:
    return Span(
        trace_id=segment.traceId,
        segment_id=segment.traceSegmentId,
        span_id=span.spanId,
        parent_span_id=span.parentSpanId,
        service=segment.service,
        instance=segment.serviceInstance,
        start_ms=span.startTime,
        end_ms=span.endTime,
        endpoint=span.operationName,
        kind=_name(pb.SpanType.DESCRIPTOR, span.spanType),
        peer=span.peer,
        component=span.componentId,
        is_error=span.isError,
        layer=_name(pb.SpanLayer.DESCRIPTOR, span.spanLayer),
        refs=tuple(map(_ref, span.refs)),
        tags=_pairs(span.tags),
        logs=tuple(SpanLog(log.time, _pairs(log.data)) for log in span.logs),
    )


def _name(enum: object, number: int) -> str:
    value = enum.values_by_number.get(number)  # type: ignore[attr-defined]
    if value is None:
        raise Malformed(f"{number} is no {enum.name}")  # type: ignore[attr-defined]
    return str(value.name)


def _ref(ref: pb.SegmentReference) -> Ref:
    if ref.refType not in range(len(REF_KINDS)):
        raise Malformed(f"{int(ref.refType)} is no RefType")
    return Ref(ref.traceId, ref.parentTraceSegmentId, ref.parentSpanId, REF_KINDS[ref.refType])


def event_of(event: pb.SpanAttachedEvent) -> SpanEvent:
    """
    What was seen while a span ran.

    Raises `Malformed` when it names no trace or span, or its context is of an unknown kind.
    """
    context = event.traceContext
    if context.type not in (pb.SpanAttachedEvent.SKYWALKING, pb.SpanAttachedEvent.ZIPKIN):
        raise Malformed(f"{int(context.type)} is no SpanReferenceType")
    if not (context.traceId and context.spanId and event.event):
        raise Malformed("an event names no trace, span or event")
    return SpanEvent(
        trace_id=context.traceId,
        segment_id=context.traceSegmentId,
        span_id=context.spanId,
        name=event.event,
        start_ns=_nanoseconds(event.startTime),
        end_ns=_nanoseconds(event.endTime),
        tags=_pairs(event.tags),
        summary=tuple((pair.key, pair.value) for pair in event.summary),
        is_zipkin=context.type == pb.SpanAttachedEvent.ZIPKIN,
    )


def _nanoseconds(instant: common_pb2.Instant) -> int:
    if not (0 <= instant.seconds < SECONDS_LIMIT and 0 <= instant.nanos < 1_000_000_000):
        raise Malformed("an instant is out of every calendar")
    return instant.seconds * 1_000_000_000 + instant.nanos


def _pairs(pairs: Iterable[common_pb2.KeyStringValuePair]) -> tuple[tuple[str, str], ...]:
    return tuple((pair.key, pair.value) for pair in pairs)
