"""Where an event belongs that the network saw while a span ran (contract 5.5)."""

import pytest

from podwire.model.trace import Ref, Span, SpanEvent
from podwire.query.answer.trace import attach

from .asking import Asking

REQUEST_OUT = (("data_direction", "outbound"), ("data_type", "request"))
REQUEST_IN = (("data_direction", "inbound"), ("data_type", "request"))
RESPONSE_OUT = (("data_direction", "outbound"), ("data_type", "response"))
RESPONSE_IN = (("data_direction", "inbound"), ("data_type", "response"))


def span(segment: str, number: int, kind: str, *refs: Ref) -> Span:
    """A span of the trace `t`."""
    return Span(
        trace_id="t", segment_id=segment, span_id=number, parent_span_id=-1, service="s",
        instance="i", start_ms=0, end_ms=1, endpoint="/", kind=kind, peer="", component=0,
        is_error=False, layer="Http", refs=refs,
    )  # fmt: skip


def event(start_ns: int, tags: tuple[tuple[str, str], ...] = (), **rest: object) -> SpanEvent:
    """An event in the context of the client's exit span."""
    values: dict[str, object] = {"segment_id": "client", "span_id": "1"}
    return SpanEvent(
        trace_id="t",
        name=f"e{start_ns}",
        start_ns=start_ns,
        end_ns=start_ns + 1,
        tags=tags,
        **(values | rest),  # type: ignore[arg-type]
    )


EXIT = span("client", 1, "Exit")
ENTRY = span("server", 0, "Entry", Ref("t", "client", 1, "CROSS_PROCESS"))


@pytest.mark.parametrize(
    ("tags", "place"),
    [
        (REQUEST_OUT, ("client", "1")),
        (RESPONSE_IN, ("client", "1")),
        (REQUEST_IN, ("server", "0")),
        (RESPONSE_OUT, ("server", "0")),
        ((), ("client", "1")),
    ],
)
def test_what_the_server_saw_belongs_to_the_span_that_answered(
    tags: tuple[tuple[str, str], ...], place: tuple[str, str]
) -> None:
    """What the client saw to the span that asked."""
    assert {place: [event(1, tags)]} == attach([EXIT, ENTRY], [event(1, tags)])


def test_the_first_event_of_a_span_decides_for_all() -> None:
    """By start, whatever order they come in; calls of the system follow their message."""
    events = [event(3, REQUEST_OUT), event(2), event(1, REQUEST_IN)]

    assert {("server", "0"): sorted(events, key=lambda e: e.start_ns)} == attach(
        [EXIT, ENTRY], events
    )


def test_without_an_answering_span_the_asking_one_has_all() -> None:
    """A server that nobody traces."""
    assert {("client", "1"): [event(1, REQUEST_IN)]} == attach([EXIT], [event(1, REQUEST_IN)])


def test_an_event_without_a_span_is_left_out() -> None:
    """One of another segment, one whose span id is no number, one in a Zipkin context."""
    events = [
        event(1, segment_id="nothing"),
        event(2, span_id="x"),
        event(3, is_zipkin=True),
    ]
    assert {} == attach([EXIT, ENTRY], events)


async def test_sampled_events_are_there_without_any_span(ask: Asking) -> None:
    """A question of our own: also in a Zipkin context, also before the trace has arrived."""
    ask.rows.happened = [event(5, REQUEST_OUT), event(1_000_000_007, is_zipkin=True)]
    query = """{ sampledEvents(traceId: "t") {
      segmentId spanId isZipkin event startTime { seconds nanos } tags { key value }
    } queryTrace(traceId: "t") { spans { spanId } } }"""

    found = await ask.data(query)
    first, second = found["sampledEvents"]
    assert ("client", "1", False, "e5") == (
        first["segmentId"], first["spanId"], first["isZipkin"], first["event"],
    )  # fmt: skip
    assert (True, {"seconds": 1, "nanos": 7}) == (second["isZipkin"], second["startTime"])
    assert {"key": "data_type", "value": "request"} in first["tags"]
    assert [] == found["queryTrace"]["spans"]
