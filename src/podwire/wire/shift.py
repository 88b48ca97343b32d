"""
Messages of another time: what was said then, as if it were said now.

In: the bytes of a message and its method.  Out: the same with every time in it moved. A message
without times, or one that cannot be read, stays as it is.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from podwire.wire.gen.skywalking import logging_pb2, meter_pb2, tracing_pb2


def shifted(method: str, message: bytes, by_ms: int) -> bytes:
    """The message with its times moved."""
    if method not in SHIFTS or not by_ms:
        return message
    kind, move = SHIFTS[method]
    try:
        parsed = kind.FromString(message)
    except DecodeError:
        return message
    move(parsed, by_ms)
    return bytes(parsed.SerializeToString())


def _meters(collection: Any, by_ms: int) -> None:
    for meter in collection.meterData:
        _timestamp(meter, by_ms)


def _timestamp(message: Any, by_ms: int) -> None:
    if message.timestamp:
        message.timestamp += by_ms


def _segments(collection: Any, by_ms: int) -> None:
    for segment in collection.segments:
        _segment(segment, by_ms)


def _segment(segment: Any, by_ms: int) -> None:
    for span in segment.spans:
        span.startTime += by_ms
        span.endTime += by_ms
        for log in span.logs:
            log.time += by_ms


def _event(event: Any, by_ms: int) -> None:
    for instant in (event.startTime, event.endTime):
        nanoseconds = instant.seconds * 1_000_000_000 + instant.nanos + by_ms * 1_000_000
        instant.seconds, instant.nanos = divmod(nanoseconds, 1_000_000_000)


SHIFTS: dict[str, tuple[Any, Callable[[Any, int], None]]] = {
    "/skywalking.v3.MeterReportService/collectBatch": (meter_pb2.MeterDataCollection, _meters),
    "/skywalking.v3.MeterReportService/collect": (meter_pb2.MeterData, _timestamp),
    "/skywalking.v3.LogReportService/collect": (logging_pb2.LogData, _timestamp),
    "/skywalking.v3.TraceSegmentReportService/collect": (tracing_pb2.SegmentObject, _segment),
    "/skywalking.v3.TraceSegmentReportService/collectInSync": (
        tracing_pb2.SegmentCollection,
        _segments,
    ),
    "/skywalking.v3.SpanAttachedEventReportService/collect": (
        tracing_pb2.SpanAttachedEvent,
        _event,
    ),
}
"""What each method's messages are, and where their times stand."""
