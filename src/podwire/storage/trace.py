"""
Traces in storage.

In: spans, and events seen while they ran.  Out: everything of one trace.
"""

from collections.abc import Sequence
from typing import Any

from podwire.model.trace import Ref, Span, SpanEvent, SpanLog
from podwire.storage.engine import Engine, Row

SPAN = (
    "trace_id", "segment_id", "span_id", "parent_span_id", "service", "instance", "start_ms",
    "end_ms", "endpoint", "kind", "peer", "component", "is_error", "layer", "tags",
)  # fmt: skip
EVENT = (
    "trace_id", "segment_id", "span_id", "name", "start_ns", "end_ns", "tags", "summary",
    "is_zipkin",
)  # fmt: skip

MOST_SPANS = 10_000
"""Of one trace: a longer one is cut, for a page could not show it either."""

SPANS = f"""
SELECT {", ".join(SPAN)}, refs, logs FROM span
WHERE trace_id = {{trace:String}}
ORDER BY start_ms, segment_id, span_id
LIMIT 1 BY segment_id, span_id LIMIT {MOST_SPANS}
"""  # noqa: S608 - our own columns

EVENTS = f"""
SELECT {", ".join(EVENT)} FROM span_event
WHERE trace_id = {{trace:String}}
ORDER BY start_ns, segment_id, span_id
LIMIT 1 BY segment_id, span_id, start_ns, name LIMIT {MOST_SPANS}
"""  # noqa: S608 - our own columns


async def write_spans(engine: Engine, spans: Sequence[Span]) -> None:
    """Keep spans; one that is there already is not there twice."""
    if not spans:
        return
    columns: dict[str, list[Any]] = {name: [getattr(e, name) for e in spans] for name in SPAN}
    columns["refs"] = [
        [(ref.trace_id, ref.segment_id, ref.span_id, ref.kind) for ref in each.refs]
        for each in spans
    ]
    columns["logs"] = [[(log.time_ms, list(log.data)) for log in each.logs] for each in spans]
    columns["tags"] = [list(each.tags) for each in spans]
    await engine.insert("span", columns)


async def write_events(engine: Engine, events: Sequence[SpanEvent]) -> None:
    """Keep events; one that is there already is not there twice."""
    if not events:
        return
    columns: dict[str, list[Any]] = {name: [getattr(e, name) for e in events] for name in EVENT}
    columns["tags"] = [list(each.tags) for each in events]
    columns["summary"] = [list(each.summary) for each in events]
    await engine.insert("span_event", columns)


async def spans(engine: Engine, trace_id: str) -> list[Span]:
    """The spans of a trace by start."""
    return [_span(row) for row in await engine.query(SPANS, {"trace": trace_id})]


def _span(row: Row) -> Span:
    *plain, tags, refs, logs = row
    return Span(
        **dict(zip(SPAN, plain, strict=False)),
        tags=_pairs(tags),
        refs=tuple(Ref(*each) for each in refs),
        logs=tuple(SpanLog(time_ms, _pairs(data)) for time_ms, data in logs),
    )


async def events(engine: Engine, trace_id: str) -> list[SpanEvent]:
    """The events of a trace by start, those in a Zipkin context too."""
    return [
        SpanEvent(
            **{
                **dict(zip(EVENT, row, strict=True)),
                "tags": _pairs(row[6]),
                "summary": _pairs(row[7]),
            }
        )
        for row in await engine.query(EVENTS, {"trace": trace_id})
    ]


def _pairs(rows: Sequence[Sequence[Any]]) -> tuple[tuple[Any, Any], ...]:
    return tuple((row[0], row[1]) for row in rows)
