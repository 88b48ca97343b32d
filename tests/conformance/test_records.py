"""Sampled requests and traces, written over gRPC, asked for as swctl asks (5.4, 5.5, 6.2, 6.3)."""

import time
import uuid
from typing import Any

from conformance.message import message
from conformance.rover import NOBODY, Rover, pair
from conformance.target import Target, wait, window

READ = """query ($condition: RecordCondition!, $duration: Duration!) {
  records: readRecords(condition: $condition, duration: $duration) { name id value refId }
}"""
EXEC = """query ($expression: String!, $entity: Entity!, $duration: Duration!) {
  result: execExpression(expression: $expression, entity: $entity, duration: $duration) {
    type error results { metric { labels { key value } } values { id value traceID } }
  }
}"""
TRACE = """query ($id: ID!) {
  trace: queryTrace(traceId: $id) {
    spans {
      traceId segmentId spanId parentSpanId refs { traceId parentSegmentId parentSpanId type }
      serviceCode serviceInstanceName startTime endTime endpointName type peer component isError
      layer tags { key value } logs { time data { key value } }
      attachedEvents {
        startTime { seconds nanos } event endTime { seconds nanos }
        tags { key value } summary { key value }
      }
    }
  }
}"""
SLOW, FAILED_4XX, FAILED_5XX = (
    f"sampled_{kind}_trace_record" for kind in ("slow", "status_4xx", "status_5xx")
)
ENTRY, EXIT, LOCAL = 0, 1, 2
HTTP_LAYER, GO_CLIENT, GO_SERVER = 3, 5005, 5004


def read(rover: Rover, name: str, source: str, target: str, **condition: object) -> Any:
    """Records of an edge, as `swctl records list` asks."""
    edge = rover.relation(source, target) | {"scope": "ProcessRelation"}
    asked = {"name": name, "parentEntity": edge, "topN": 100, "order": "DES"} | condition
    return rover.target.ask(READ, condition=asked, duration=window())


def one(rover: Rover, name: str = SLOW, target: str = "UNKNOWN_REMOTE") -> Any:
    """The only record of an edge, once it is there."""
    (record,) = wait("the record", lambda: read(rover, name, "service", target))
    return record


def test_a_sampled_request_is_a_record_by_its_reason(rover: Rover) -> None:
    """Slow, 4xx, 5xx; each list has its own."""
    for reason, name in (("slow", SLOW), ("status_4xx", FAILED_4XX), ("status_5xx", FAILED_5XX)):
        trace_id = uuid.uuid4().hex
        rover.log(rover.sample(reason=reason, latency=7, trace_id=trace_id))

        record = one(rover, name)
        assert ("7", trace_id, trace_id) == (record["value"], record["id"], record["refId"])
        assert record["name"].endswith("/provider")


def test_records_are_the_slowest_first_and_as_many_as_asked(rover: Rover) -> None:
    """Or the fastest first."""
    rover.log(*(rover.sample(latency=latency) for latency in (30, 10, 20)))
    wait("three", lambda: len(read(rover, SLOW, "service", "UNKNOWN_REMOTE")) == 3)

    def latencies(**condition: object) -> list[str]:
        found = read(rover, SLOW, "service", "UNKNOWN_REMOTE", **condition)
        return [each["value"] for each in found]

    assert ["30", "20", "10"] == latencies()
    assert ["10", "20"] == latencies(topN=2, order="ASC")


def test_top_n_answers_a_record_list(rover: Rover) -> None:
    """With the trace of each; a record without it is an error with its text."""
    trace_id = uuid.uuid4().hex
    rover.log(rover.sample(trace_id=trace_id))
    one(rover)
    asked = {"entity": rover.relation("service", "UNKNOWN_REMOTE"), "duration": window()}

    result = rover.target.ask(EXEC, expression=f"top_n({SLOW},50,DES)", **asked)
    ((value,),) = (each["values"] for each in result["results"])
    assert ("RECORD_LIST", None) == (result["type"], result["error"])
    assert ("1002", trace_id) == (value["value"], value["traceID"])
    bare = rover.target.ask(EXEC, expression=SLOW, **asked)
    expected = f"Metric: [{SLOW}] is topN record, need top_n function for query."
    assert expected == bare["error"]


def test_the_ends_of_a_record_are_a_process_else_local_else_an_address(rover: Rover) -> None:
    """As for meters."""
    rover.log(rover.sample(server_process=NOBODY | {"local": True}))
    one(rover, target="UNKNOWN_LOCAL")
    rover.log(rover.sample(server_process=NOBODY | {"process_id": rover.process_id("db")}))
    one(rover, target="db")


def test_a_record_that_is_sent_again_is_not_there_twice(rover: Rover) -> None:
    """Second, edge and trace say which it is."""
    log = rover.sample()
    rover.log(log, log)
    rover.log(log)
    rover.log(rover.sample(uri="/other"))

    wait("two", lambda: len(read(rover, SLOW, "service", "UNKNOWN_REMOTE")) == 2)


def test_a_log_that_is_no_sampled_request_does_not_take_its_neighbours(rover: Rover) -> None:
    """Plain text, an unknown reason, a latency that is none."""
    plain = message((1, int(time.time() * 1000)), (2, rover.service), (3, rover.instance))
    rover.log(plain, rover.sample(reason="other"), rover.sample(latency="x"), rover.sample())

    one(rover)


def test_an_unknown_record_has_no_rows(rover: Rover) -> None:
    """And is no error."""
    assert [] == read(rover, "no_such_record", "a", "b")


def span(number: int, parent: int, kind: int, name: str, *more: tuple[int, Any]) -> bytes:
    """SpanObject of one second from now on."""
    now_ms = int(time.time() * 1000)
    component = GO_CLIENT if kind == EXIT else GO_SERVER
    return message(
        (1, number), (2, parent), (3, now_ms), (4, now_ms + 1000), (6, name), (8, kind),
        (9, HTTP_LAYER), (10, component), *more,
    )  # fmt: skip


def send_segment(rover: Rover, trace_id: str, segment_id: str, *spans: bytes) -> None:
    """One segment of the rover's service, as its language agent sends it."""
    segment = message(
        (1, trace_id), (2, segment_id), *((3, each) for each in spans), (4, rover.service),
        (5, "go-1"),
    )  # fmt: skip
    rover.target.call("TraceSegmentReportService/collect", segment)


def send_event(target: Target, trace_id: str, segment_id: str, span_id: str, *tags: str) -> None:
    """An event of a sampled request; tags are `key=value`."""
    now_s = int(time.time())
    context = message((2, trace_id), (3, segment_id), (4, span_id))
    pairs = [(4, pair(*tag.split("="))) for tag in tags]
    event = message(
        (1, message((1, now_s), (2, 5))), (2, "HTTP Request Sampling"),
        (3, message((1, now_s), (2, 9))), *pairs, (6, context),
    )  # fmt: skip
    target.call("SpanAttachedEventReportService/collect", event)


def spans_of(target: Target, trace_id: str) -> dict[tuple[str, int], dict[str, Any]]:
    """The spans of a trace by segment and number."""
    found = target.ask(TRACE, id=trace_id)["spans"]
    return {(each["segmentId"], each["spanId"]): each for each in found}


def test_a_trace_has_every_field_of_its_spans(rover: Rover) -> None:
    """As `swctl trace` prints them."""
    trace_id, one, two = (uuid.uuid4().hex for _ in range(3))
    more = ((7, "proxy:80"), (11, 1), (12, pair("url", "/")))
    send_segment(rover, trace_id, one, span(1, 0, EXIT, "GET:/provider", *more))
    ref = message((1, 0), (2, trace_id), (3, one), (4, 1))
    send_segment(rover, trace_id, two, span(0, -1, ENTRY, "GET:/provider", (5, ref)))

    wait("two spans", lambda: len(spans_of(rover.target, trace_id)) == 2)
    spans = spans_of(rover.target, trace_id)
    expected = {
        "type": "Exit", "layer": "Http", "component": "GoHttpClient", "parentSpanId": 0,
        "peer": "proxy:80", "isError": True, "tags": [{"key": "url", "value": "/"}],
        "serviceCode": rover.service, "serviceInstanceName": "go-1", "traceId": trace_id,
        "endpointName": "GET:/provider", "attachedEvents": [], "refs": [], "logs": [],
    }  # fmt: skip
    assert expected == {key: spans[one, 1][key] for key in expected}
    assert [
        {"traceId": trace_id, "parentSegmentId": one, "parentSpanId": 1, "type": "CROSS_PROCESS"}
    ] == spans[two, 0]["refs"]


def attached(target: Target, trace_id: str) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """The events of a trace by their span."""
    spans = spans_of(target, trace_id)
    return {key: each["attachedEvents"] for key, each in spans.items() if each["attachedEvents"]}


def test_an_event_is_attached_to_the_span_whose_side_saw_it(rover: Rover) -> None:
    """The context names the client's span; what the server saw belongs to the one that answered."""
    for direction, side, number in (("outbound", "one", 1), ("inbound", "two", 0)):
        trace_id = uuid.uuid4().hex
        segments = {"one": uuid.uuid4().hex, "two": uuid.uuid4().hex}
        ref = message((1, 0), (2, trace_id), (3, segments["one"]), (4, 1))
        send_segment(rover, trace_id, segments["one"], span(1, 0, EXIT, "GET:/"))
        send_segment(rover, trace_id, segments["two"], span(0, -1, ENTRY, "GET:/", (5, ref)))
        tags = ("data_size=157B", "data_type=request", f"data_direction={direction}")
        send_event(rover.target, trace_id, segments["one"], "1", *tags)

        wait("the event", lambda trace_id=trace_id: attached(rover.target, trace_id))  # type: ignore[misc]
        ((key, (event,)),) = attached(rover.target, trace_id).items()
        assert (segments[side], number) == key
        assert ("HTTP Request Sampling", 5, 9, []) == (
            event["event"], event["startTime"]["nanos"], event["endTime"]["nanos"],
            event["summary"],
        )  # fmt: skip
        assert {"key": "data_size", "value": "157B"} in event["tags"]


def test_events_without_their_span_are_left_out(rover: Rover) -> None:
    """A number that is none, another segment, another span."""
    trace_id, segment_id = uuid.uuid4().hex, uuid.uuid4().hex
    send_event(rover.target, trace_id, segment_id, "b3-span")
    send_event(rover.target, trace_id, uuid.uuid4().hex, "0")
    send_event(rover.target, trace_id, segment_id, "5")
    send_segment(rover, trace_id, segment_id, span(0, -1, ENTRY, "GET:/"))

    (found,) = wait("the span", lambda: spans_of(rover.target, trace_id)).values()
    assert [] == found["attachedEvents"]


def test_an_unknown_trace_has_no_spans(target: Target) -> None:
    """And is no error."""
    assert {"spans": []} == target.ask(TRACE, id="nothing")
