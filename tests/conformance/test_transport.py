"""How a backend is spoken to: gRPC, its status codes, HTTP (contract 0, 1.0, 1.9, 6.1, 8.1)."""

import grpc
import httpx
import pytest

from conformance.message import Message, message
from conformance.rover import Rover
from conformance.target import Target

NOT_A_MESSAGE = b"\xff\xff\xff"
STREAMS = (
    "EBPFProfilingService/collectProfilingData",
    "MeterReportService/collect",
    "MeterReportService/collectBatch",
    "LogReportService/collect",
    "SpanAttachedEventReportService/collect",
    "TraceSegmentReportService/collect",
    "EBPFAccessLogService/collect",
)
UNARY = (
    "EBPFProcessService/reportProcesses",
    "EBPFProcessService/keepAlive",
    "EBPFProfilingService/queryTasks",
    "ContinuousProfilingService/queryPolicies",
    "ManagementService/keepAlive",
    "ManagementService/reportInstanceProperties",
    "TraceSegmentReportService/collectInSync",
)


@pytest.mark.parametrize("method", STREAMS)
def test_an_empty_stream_is_answered_with_an_empty_message(target: Target, method: str) -> None:
    """Opened and closed is no error."""
    assert b"" == target.call(method)


@pytest.mark.parametrize("method", UNARY)
def test_an_empty_message_is_answered(target: Target, method: str) -> None:
    """Every field may be absent."""
    assert b"" == target.call(method, b"")


@pytest.mark.parametrize("method", STREAMS + UNARY)
def test_bytes_that_are_no_message_end_their_own_call(target: Target, method: str) -> None:
    """With an error status; the next client is answered."""
    assert target.refusal(method, NOT_A_MESSAGE) not in ("OK", "UNAVAILABLE")
    assert b"" == target.call(method, b"")


def test_a_method_that_is_not_there_is_unimplemented(target: Target) -> None:
    """Whatever an agent of another kind calls."""
    assert "UNIMPLEMENTED" == target.refusal("JVMMetricReportService/collect", b"")


def test_health_is_serving(target: Target) -> None:
    """For the whole server, as swctl asks; SERVING is 1."""
    answer = target.call("/grpc.health.v1.Health/Check", b"")

    assert 1 == Message.of(answer).number(1)


def test_reflection_lists_the_services(target: Target) -> None:
    """For people with a general gRPC client."""
    ask = message((7, ""))
    calls = target.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", None, None
    )
    (answer,) = calls(iter([ask]), timeout=60)

    (services,) = Message.of(answer).all(6)
    names = {each.text(1) for each in services.all(1)}
    assert "skywalking.v3.MeterReportService" in names


def test_fifty_megabytes_are_taken_and_more_are_not(target: Target, rover: Rover) -> None:
    """As the limit of a whole message."""
    method = "LogReportService/collect"

    def log(size: int) -> bytes:
        return message((2, rover.service), (5, message((2, message((1, "x" * size))))))

    most = 50 * 1024 * 1024
    assert b"" == target.call(method, log(most - 100))
    assert "RESOURCE_EXHAUSTED" == target.refusal(method, log(most + 1))


def test_access_logs_are_taken(target: Target) -> None:
    """Node, connection, kernel and protocol logs; the answer is empty."""
    node = message((1, "node-1"), (4, "cluster"))
    logs = [message((1, node)), message((2, b""), (3, b"")), message((4, b""))]

    assert b"" == target.call("EBPFAccessLogService/collect", *logs)


def test_a_token_that_nobody_asked_for_does_not_disturb(target: Target, rover: Rover) -> None:
    """An agent may send one to a backend without."""
    metadata = [("authentication", "any")]

    answer = target.call(
        "EBPFProfilingService/queryTasks", message((1, rover.agent)), metadata=metadata
    )
    assert b"" == answer


def test_a_client_that_vanishes_takes_nobody_with_it(target: Target, rover: Rover) -> None:
    """In the middle of a stream."""
    with grpc.insecure_channel(target.grpc) as channel:
        endless = channel.stream_unary("/skywalking.v3.LogReportService/collect", None, None)
        endless.future(iter(lambda: message((2, "cut")), b""))
        rover.live("web")

    assert [] == rover.poll()


def test_a_graphql_answer_is_json_with_status_200(target: Target) -> None:
    """Errors too, in the shape that clients read."""
    good, bad = target.post("{ version }"), target.post("{ nothing }")

    assert [200, 200] == [good.status_code, bad.status_code]
    assert good.headers["content-type"].startswith("application/json")
    assert isinstance(bad.json()["errors"][0]["message"], str)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"query": 5}', b'{"variables": {}}'])
def test_a_request_that_is_none_is_an_error_with_a_message(target: Target, body: bytes) -> None:
    """And never a page of the server's insides."""
    answer = httpx.post(f"http://{target.http}/graphql", content=body, trust_env=False, timeout=60)

    assert "message" in answer.json()["errors"][0]


def test_graphql_is_post_only(target: Target) -> None:
    """A GET is not answered."""
    answer = httpx.get(
        f"http://{target.http}/graphql?query=%7Bversion%7D", trust_env=False, timeout=60
    )

    assert answer.status_code in (404, 405)


def test_healthcheck_answers(target: Target) -> None:
    """For a load balancer."""
    assert httpx.get(f"http://{target.http}/healthcheck", trust_env=False, timeout=60).is_success
