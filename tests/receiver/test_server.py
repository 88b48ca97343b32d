"""
The gRPC side of the backend, called over a real channel.

Storage and rules are fakes at their seams: what is tested is what crosses the wire.
"""

import logging
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from podwire.agent.uplink import GrpcUplink, Unreachable
from podwire.model.process import DetectType, Entity, Process
from podwire.receiver.server import SERVICES, PortTaken
from podwire.wire.gen.skywalking import (
    meter_pb2,
    meter_pb2_grpc,
    process_pb2,
    process_pb2_grpc,
    profile_pb2,
    profile_pb2_grpc,
)
from receiver.serving import NOW_MS, Backend, call, serving

ENTITY = Entity(layer="K8S_SERVICE", service="service", instance="test-instance", process="service")
PROCESS = Process(
    pid=42,
    start_ticks=1,
    entity=ENTITY,
    detect_type=DetectType.KUBERNETES,
    properties=(("host_ip", "10.0.0.1"), ("support_ebpf_profiling", "false")),
)
PROCESS_ID = "0c106e314ae0dae7cb655c3835ca77c890caedd78f51971ff60e5919805109f9"


def meters(value: float, *, timestamp: int = NOW_MS) -> meter_pb2.MeterDataCollection:
    """A collection of one single value."""
    single = meter_pb2.MeterSingleValue(name="m", value=value)
    data = meter_pb2.MeterData(
        singleValue=single, service="s", serviceInstance="i", timestamp=timestamp
    )
    return meter_pb2.MeterDataCollection(meterData=[data])


async def test_our_agent_gets_the_id_of_its_process(backend: Backend) -> None:
    """The id is SkyWalking's, and the report is kept as it came."""
    uplink = GrpcUplink(backend.address, "agent-1")

    ids = await uplink.report([PROCESS])
    await uplink.keep_alive([PROCESS])
    await uplink.close()

    assert {PROCESS: PROCESS_ID} == ids
    (record,) = backend.memory.reported
    assert (PROCESS_ID, "agent-1", ENTITY, NOW_MS) == (
        record.process_id, record.agent_id, record.entity, record.last_ping_ms,
    )  # fmt: skip
    assert [PROCESS_ID] == [each.process_id for each in backend.memory.pinged]


async def test_an_entity_is_echoed_with_its_labels_in_order(backend: Backend) -> None:
    """Rover compares what it sent with what comes back, and forgets a process without an answer."""
    entity = process_pb2.EBPFProcessEntityMetadata(
        layer="MESH", serviceName="s", instanceName="i", processName="p", labels=["b", "a"]
    )
    sent = process_pb2.EBPFProcessProperties(
        hostProcess=process_pb2.EBPFHostProcessMetadata(entity=entity, pid=7)
    )
    async with backend.channel() as channel:
        stub = process_pb2_grpc.EBPFProcessServiceStub(channel)
        answer = await stub.reportProcesses(
            process_pb2.EBPFProcessReportList(processes=[sent], ebpfAgentID="a")
        )

    (process,) = answer.processes
    assert (7, entity) == (process.hostProcess.pid, process.hostProcess.entityMetadata)


async def test_a_poll_brings_a_task_once(backend: Backend) -> None:
    """After its update time was seen, it is not handed out again."""
    uplink = GrpcUplink(backend.address, "agent-1")

    (order,) = await uplink.poll(0)
    again = await uplink.poll(order.task.update_ms)
    await uplink.close()

    assert ("t", 5, 600, ("p1", "p2")) == (
        order.task.task_id, order.task.start_ms, order.task.duration_s, order.process_ids,
    )  # fmt: skip
    assert [] == again


async def test_one_malformed_collection_does_not_lose_its_neighbours(backend: Backend) -> None:
    """It is refused and counted; so is one from another time."""

    async def stream() -> AsyncIterator[meter_pb2.MeterDataCollection]:
        yield meters(1)
        yield meter_pb2.MeterDataCollection()
        yield meters(2, timestamp=2**62)
        yield meters(4, timestamp=NOW_MS - 25 * 3600 * 1000)
        yield meters(8)

    async with backend.channel() as channel:
        await meter_pb2_grpc.MeterReportServiceStub(channel).collectBatch(stream())

    assert [1, 8] == backend.memory.values
    statistics = backend.tally.statistics()
    assert 1 == statistics["meter_refused_malformed_total"]
    assert 2 == statistics["meter_refused_time_total"]


async def test_a_collect_stream_is_one_collection(backend: Backend) -> None:
    """Only its first message says whose it is."""

    async def stream() -> AsyncIterator[meter_pb2.MeterData]:
        yield meters(3).meterData[0]
        yield meter_pb2.MeterData(singleValue=meter_pb2.MeterSingleValue(name="n", value=5))

    async with backend.channel() as channel:
        await meter_pb2_grpc.MeterReportServiceStub(channel).collect(stream())

    assert [3] == backend.memory.values


async def test_empty_streams_are_answered(backend: Backend) -> None:
    """Rover opens `collectProfilingData` every five seconds and sends nothing."""

    async def nothing() -> AsyncIterator[profile_pb2.EBPFProfilingData]:
        return
        yield

    async with backend.channel() as channel:
        stub = profile_pb2_grpc.EBPFProfilingServiceStub(channel)
        answer = await stub.collectProfilingData(nothing())

    assert [] == list(answer.commands)


async def test_what_we_do_not_have_is_named_once(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller hears UNIMPLEMENTED each time, the log once, and every call is counted."""
    with caplog.at_level(logging.WARNING, logger="podwire"):
        async with backend.channel() as channel:
            for _ in range(2):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call(channel, "/skywalking.v3.JVMMetricReportService/collect")
                assert grpc.StatusCode.UNIMPLEMENTED is caught.value.code()

    named = [record for record in caplog.records if "JVMMetricReport" in record.message]
    assert 1 == len(named)
    assert 2 == backend.tally.statistics()["call_refused_unimplemented_total"]


@pytest.mark.parametrize("service", ["", *SERVICES])
async def test_health_is_serving(backend: Backend, service: str) -> None:
    """The standard service answers for the whole server and for each service."""
    async with backend.channel() as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        answer = await health_pb2_grpc.HealthStub(channel).Check(request)

    assert health_pb2.HealthCheckResponse.SERVING == answer.status


async def test_a_taken_port_is_said_so(backend: Backend) -> None:
    """A second backend on one port does not start."""
    with pytest.raises(PortTaken, match=backend.address):
        async with serving(address=backend.address):
            pass


async def test_a_backend_that_is_not_there_is_unreachable() -> None:
    """The agent hears one kind of error, whatever gRPC calls it."""
    uplink = GrpcUplink("127.0.0.1:18912", "agent-1")

    with pytest.raises(Unreachable, match="18912"):
        await uplink.poll(0)
    await uplink.close()
