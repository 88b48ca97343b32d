"""
A sampled request on its way to a backend: a log, and the events of its span (contract 2.6, 2.7).

In: what the agent picked.  Out: `LogData` and `SpanAttachedEvent`, which `log.py` and `trace.py`
read.
"""

import json
from collections.abc import Mapping

from podwire.model.trace import SpanEvent
from podwire.wire.gen.skywalking import common_pb2
from podwire.wire.gen.skywalking import logging_pb2 as logging
from podwire.wire.gen.skywalking import tracing_pb2 as tracing
from podwire.wire.log import MARK


def log_message(
    body: Mapping[str, object],
    *,
    service: str,
    instance: str,
    layer: str,
    trace_id: str,
    timestamp_ms: int,
) -> logging.LogData:
    """The log; every one is complete in itself."""
    key, value = MARK
    return logging.LogData(
        timestamp=timestamp_ms,
        service=service,
        serviceInstance=instance,
        layer=layer,
        body=logging.LogDataBody(type="json", json=logging.JSONLog(json=json.dumps(body))),
        traceContext=logging.TraceContext(traceId=trace_id),
        tags=logging.LogTags(data=[common_pb2.KeyStringValuePair(key=key, value=value)]),
    )


def event_message(event: SpanEvent) -> tracing.SpanAttachedEvent:
    """The event; `trace.event_of` is its inverse."""
    kind = (
        tracing.SpanAttachedEvent.ZIPKIN
        if event.is_zipkin
        else tracing.SpanAttachedEvent.SKYWALKING
    )
    return tracing.SpanAttachedEvent(
        event=event.name,
        startTime=_instant(event.start_ns),
        endTime=_instant(event.end_ns),
        tags=[common_pb2.KeyStringValuePair(key=key, value=value) for key, value in event.tags],
        summary=[common_pb2.KeyIntValuePair(key=key, value=value) for key, value in event.summary],
        traceContext=tracing.SpanAttachedEvent.SpanReference(
            type=kind,
            traceId=event.trace_id,
            traceSegmentId=event.segment_id,
            spanId=event.span_id,
        ),
    )


def _instant(time_ns: int) -> common_pb2.Instant:
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    return common_pb2.Instant(seconds=seconds, nanos=nanos)
