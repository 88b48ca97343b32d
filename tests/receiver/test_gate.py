"""What every call passes before a service sees it."""

import logging
from collections.abc import AsyncIterator

import grpc
import pytest

from podwire.receiver.tally import Tally
from podwire.wire.gen.skywalking import (
    command_pb2,
    logging_pb2,
    process_pb2,
    process_pb2_grpc,
    tracing_pb2,
)
from receiver.serving import NOW_MS, Backend, call, serving

KEEP_ALIVE = "/skywalking.v3.EBPFProcessService/keepAlive"
REPORT = "/skywalking.v3.EBPFProcessService/reportProcesses"
LOGS = "/skywalking.v3.LogReportService/collect"
NOT_A_MESSAGE = b"\xff\xff\xff"


async def refused(backend: Backend, method: str, *messages: bytes, **metadata: str) -> str:
    """The status that a call ends with."""
    async with backend.channel() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, method, *messages, **metadata)
    return caught.value.code().name


def entity(**names: str) -> process_pb2.EBPFProcessEntityMetadata:
    """A process of the layer K8S_SERVICE unless the test says otherwise."""
    return process_pb2.EBPFProcessEntityMetadata(
        **{"layer": "K8S_SERVICE", "serviceName": "s", "instanceName": "i", "processName": "p"}
        | names
    )


@pytest.mark.parametrize("method", [KEEP_ALIVE, REPORT])
async def test_bytes_that_are_no_message_end_their_call_alone(
    backend: Backend, method: str
) -> None:
    """With the status that gRPC has for it, counted; the next client is answered."""
    assert "INTERNAL" == await refused(backend, method, NOT_A_MESSAGE)

    assert 1 == backend.tally.statistics()["message_refused_malformed_total"]
    async with backend.channel() as channel:
        assert b"" == await call(channel, method, b"")


async def test_what_came_before_a_broken_message_of_a_stream_is_kept(backend: Backend) -> None:
    """The stream ends at the first message that cannot be read."""
    segment = tracing_pb2.SegmentObject(traceId="t", traceSegmentId="s", service="x")
    segment.spans.add(startTime=NOW_MS)
    good = segment.SerializeToString()
    method = "/skywalking.v3.TraceSegmentReportService/collect"

    assert "INTERNAL" == await refused(backend, method, good, NOT_A_MESSAGE, good)
    assert 1 == backend.tally.statistics()["message_refused_malformed_total"]
    assert 1 == len(backend.memory.spans)


async def test_a_flood_of_bad_messages_is_one_line(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """No traceback, and the log does not grow with what somebody sends."""
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            await refused(backend, KEEP_ALIVE, NOT_A_MESSAGE)

    assert 1 == len(caplog.records)
    assert 20 == backend.tally.statistics()["message_refused_malformed_total"]


def test_a_reason_is_said_again_after_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """With how many there were."""
    now_s = 100.0
    tally = Tally(lambda: now_s)
    for second in (0, 59, 60):
        now_s = 100.0 + second
        tally.refuse("x_total", "why")

    assert ["why (x_total: 1 so far)", "why (x_total: 3 so far)"] == caplog.messages


async def test_a_cut_stream_does_not_disturb_others(backend: Backend) -> None:
    """A client that goes away in the middle of its stream takes nobody with it."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield logging_pb2.LogData(service="s").SerializeToString()

    async with backend.channel() as channel:
        cut = channel.stream_unary(LOGS, None, None)(endless())
        while not backend.tally.statistics().get("log_not_kept_total"):
            await call(channel, LOGS, logging_pb2.LogData(service="o").SerializeToString())
        cut.cancel()
        assert b"" == await call(channel, LOGS)


async def test_the_old_names_without_a_package_are_the_same_services(backend: Backend) -> None:
    """Agents from before protocol v3 call them so."""
    report = process_pb2.EBPFProcessReportList(ebpfAgentID="a")
    report.processes.add().hostProcess.entity.CopyFrom(entity())
    async with backend.channel() as channel:
        answer = await call(
            channel, "/EBPFProcessService/reportProcesses", report.SerializeToString()
        )

    (process,) = process_pb2.EBPFReportProcessDownstream.FromString(answer).processes
    assert entity() == process.hostProcess.entityMetadata


@pytest.mark.parametrize("metadata", [{}, {"authentication": "wrong"}])
@pytest.mark.parametrize("method", [KEEP_ALIVE, LOGS])
async def test_a_wrong_token_is_unauthenticated(metadata: dict[str, str], method: str) -> None:
    """Unary or stream; counted."""
    async with serving(token="right") as backend:
        assert "UNAUTHENTICATED" == await refused(backend, method, b"", **metadata)
        assert 1 == backend.tally.statistics()["call_refused_token_total"]


async def test_the_right_token_opens_and_health_needs_none() -> None:
    """A kubelet's probe has no token."""
    async with serving(token="right") as backend, backend.channel() as channel:
        assert b"" == await call(channel, LOGS, authentication="right")
        assert b"\x08\x01" == await call(channel, "/grpc.health.v1.Health/Check", b"")


@pytest.mark.parametrize(
    ("failure", "status"), [(OSError("disk full"), "UNAVAILABLE"), (KeyError("x"), "INTERNAL")]
)
async def test_our_own_failure_says_whether_to_try_again(
    backend: Backend, failure: Exception, status: str
) -> None:
    """An agent sends again what could not be kept just now, and nothing of our insides goes out."""
    backend.memory.failure = failure

    assert status == await refused(backend, REPORT, b"")


async def test_a_message_of_fifty_megabytes_is_taken_and_a_larger_one_is_not(
    backend: Backend,
) -> None:
    """The limit is OAP's."""
    log = logging_pb2.LogData(service="s")
    log.body.text.text = "x" * (50 * 1024 * 1024 - 100)
    async with backend.channel() as channel:
        assert b"" == await call(channel, LOGS, log.SerializeToString())

    log.body.text.text += "x" * 200
    assert "RESOURCE_EXHAUSTED" == await refused(backend, LOGS, log.SerializeToString())


async def test_an_unknown_layer_loses_its_own_heartbeat_only(backend: Backend) -> None:
    """OAP fails the whole call, and with it every service of that agent."""
    pings = process_pb2.EBPFProcessPingPkgList(ebpfAgentID="a")
    for names in ({"layer": "NO_SUCH"}, {"processName": "good"}, {"layer": ""}):
        pings.processes.add().entityMetadata.CopyFrom(entity(**names))
    async with backend.channel() as channel:
        answer: command_pb2.Commands = await process_pb2_grpc.EBPFProcessServiceStub(
            channel
        ).keepAlive(pings)

    assert [] == list(answer.commands)
    assert ["good"] == [each.entity.process for each in backend.memory.pinged]
    assert 2 == backend.tally.statistics()["process_refused_layer_total"]


async def test_a_process_with_a_huge_label_list_is_refused_alone(backend: Backend) -> None:
    """Its neighbour in the same report is kept and answered."""
    report = process_pb2.EBPFProcessReportList(ebpfAgentID="a")
    for labels in (["l" * 20] * 20_000, ["l"]):
        report.processes.add().k8sProcess.entity.CopyFrom(entity())
        report.processes[-1].k8sProcess.entity.labels.extend(labels)
    async with backend.channel() as channel:
        answer = await process_pb2_grpc.EBPFProcessServiceStub(channel).reportProcesses(report)

    assert [["l"]] == [list(p.k8sProcess.entityMetadata.labels) for p in answer.processes]
    assert 1 == backend.tally.statistics()["process_refused_size_total"]
