"""
Traces: spans of language agents, and the events that network profiling attaches to them.

In: TraceSegmentReportService and SpanAttachedEventReportService.  Out: `queryTrace`.
"""

from dataclasses import dataclass

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Ref:
    """The span in another segment that this one continues."""

    trace_id: str
    segment_id: str
    span_id: int
    kind: str
    """CROSS_PROCESS or CROSS_THREAD."""


@dataclass(frozen=True, slots=True)
class SpanLog:
    """Something that happened inside a span."""

    time_ms: int
    data: Pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One piece of work in a trace, unique by segment and span id."""

    trace_id: str
    segment_id: str
    span_id: int
    parent_span_id: int
    """-1 for the first span of a segment."""

    service: str
    instance: str
    start_ms: int
    end_ms: int
    endpoint: str
    kind: str
    """Entry, Exit or Local."""

    peer: str
    component: int
    """Component id of the wire."""

    is_error: bool
    layer: str
    """Http, RPCFramework, Database, ..., or Unknown."""

    refs: tuple[Ref, ...] = ()
    tags: Pairs = ()
    logs: tuple[SpanLog, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """What was seen on the network while a span ran; times in nanoseconds since the epoch."""

    trace_id: str
    segment_id: str
    """Empty in a Zipkin or W3C context."""

    span_id: str
    name: str
    start_ns: int
    end_ns: int
    tags: Pairs = ()
    summary: tuple[tuple[str, int], ...] = ()
    is_zipkin: bool = False
