"""
The agent's line to a backend, ours or a real OAP (contract 1).

In: processes and collections.  Out: gRPC calls; answers as model values.
A failed call is an `Unreachable`, and every caller tries again at its next tick; a `Rejected` says
that the same call would fail again.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import grpc

from podwire.agent.sample.sampler import Sample
from podwire.model.meter import Collection
from podwire.model.process import Process
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import (
    command_pb2,
    logging_pb2,
    logging_pb2_grpc,
    meter_pb2,
    process_pb2,
    process_pb2_grpc,
    profile_pb2,
    profile_pb2_grpc,
    tracing_pb2_grpc,
)
from podwire.wire.meter import collection_bytes
from podwire.wire.process import entity_of, ping_message, properties_message
from podwire.wire.sample import event_message, log_message
from podwire.wire.task import FOLLOWS_INSTANCE, Order, order_of

log = logging.getLogger(__name__)

CALL_TIMEOUT_S = 10.0

FINAL = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""Answers of a backend that took the call and will not take it the next time either."""

BAD_ORDER_LIMIT = 100


class Unreachable(ConnectionError):
    """The backend did not answer; the operator must start it or correct its address."""


class Rejected(Unreachable):
    """The backend refused what was sent; sending it again is of no use."""


class Uplink(Protocol):
    """What the agent needs of a backend."""

    async def report(self, processes: Sequence[Process]) -> Mapping[Process, str]:
        """Make processes known; the ids of those that were accepted."""

    async def keep_alive(self, processes: Sequence[Process]) -> None:
        """Say that these still live."""

    async def poll(self, since_ms: int) -> Sequence[Order]:
        """Network tasks updated after `since_ms`."""

    async def send(self, collections: Sequence[Collection]) -> None:
        """Deliver meters; all of them, or `Rejected` or `Unreachable`."""

    async def send_samples(self, samples: Sequence[Sample]) -> None:
        """Deliver sampled requests, logs before events; as `send`."""


class GrpcUplink:
    """One channel for everything, connected when first used."""

    def __init__(self, backend: str, agent_id: str, *, token: str = "") -> None:
        self._backend = backend
        self._agent_id = agent_id
        self._metadata = (("authentication", token),) if token else ()
        self._bad_orders: set[str] = set()
        self._channel = grpc.aio.insecure_channel(
            backend,
            options=[
                ("grpc.initial_reconnect_backoff_ms", 200),
                ("grpc.min_reconnect_backoff_ms", 200),
                ("grpc.max_reconnect_backoff_ms", 2000),
            ],
        )
        self._processes = process_pb2_grpc.EBPFProcessServiceStub(self._channel)
        self._tasks = profile_pb2_grpc.EBPFProfilingServiceStub(self._channel)
        meters = meter_pb2.DESCRIPTOR.services_by_name["MeterReportService"].full_name
        self._collect_batch = self._channel.stream_unary(  # its messages are encoded already
            f"/{meters}/collectBatch",
            request_serializer=None,
            response_deserializer=command_pb2.Commands.FromString,
        )
        self._logs = logging_pb2_grpc.LogReportServiceStub(self._channel)
        self._events = tracing_pb2_grpc.SpanAttachedEventReportServiceStub(self._channel)

    async def report(self, processes: Sequence[Process]) -> Mapping[Process, str]:
        request = process_pb2.EBPFProcessReportList(
            processes=map(properties_message, processes), ebpfAgentID=self._agent_id
        )
        answer = await self._call(self._processes.reportProcesses, request)
        return dict(_accepted(processes, answer.processes))

    async def keep_alive(self, processes: Sequence[Process]) -> None:
        request = process_pb2.EBPFProcessPingPkgList(
            processes=map(ping_message, processes), ebpfAgentID=self._agent_id
        )
        await self._call(self._processes.keepAlive, request)

    async def poll(self, since_ms: int) -> Sequence[Order]:
        request = profile_pb2.EBPFProfilingTaskQuery(
            roverInstanceId=self._agent_id, latestUpdateTime=since_ms
        )
        answer = await self._call(self._tasks.queryTasks, request, FOLLOWS_INSTANCE)
        return [order for command in answer.commands if (order := self._order_or_none(command))]

    def _order_or_none(self, command: command_pb2.Command) -> Order | None:
        """An order; one that cannot be read is named once and asked for again."""
        try:
            return order_of(command)
        except Malformed as error:
            if str(error) not in self._bad_orders and len(self._bad_orders) < BAD_ORDER_LIMIT:
                self._bad_orders.add(str(error))
                log.warning("the backend sent a task that cannot be read: %s", error)
            return None

    async def send(self, collections: Sequence[Collection]) -> None:
        if collections:
            await self._call(self._collect_batch, map(collection_bytes, collections))

    async def send_samples(self, samples: Sequence[Sample]) -> None:
        by_service: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            by_service[sample.service].append(sample)
        for found in by_service.values():  # a backend takes a stream's first service for all of it
            await self._call(self._logs.collect, iter([_log_message(each) for each in found]))
        events = [event_message(event) for sample in samples for event in sample.events]
        if events:
            await self._call(self._events.collect, iter(events))

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(grace=None)

    async def _call(self, method: Any, request: object, *more: tuple[str, str]) -> Any:
        metadata = (*self._metadata, *more)
        try:
            return await method(request, metadata=metadata, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            kind = Rejected if error.code() in FINAL else Unreachable
            raise kind(f"{self._backend}: {error.code().name}: {error.details()}") from error


def _log_message(sample: Sample) -> logging_pb2.LogData:
    return log_message(
        sample.body,
        service=sample.service,
        instance=sample.instance,
        layer=sample.layer,
        trace_id=sample.trace_id,
        timestamp_ms=sample.timestamp_ms,
    )


def _accepted(
    processes: Sequence[Process], answers: Sequence[process_pb2.EBPFProcessDownstream]
) -> Iterator[tuple[Process, str]]:
    """An answer belongs to the process with its pid and entity; labels compare sorted."""
    wanted = {(process.pid, _comparable(process)): process for process in processes}
    for answer in answers:
        kind = answer.WhichOneof("process")
        inner = answer.hostProcess if kind == "hostProcess" else answer.k8sProcess
        entity = entity_of(inner.entityMetadata)
        key = (
            inner.pid,
            (entity.layer, entity.service, entity.instance, entity.process, *sorted(entity.labels)),
        )
        if key in wanted:
            yield wanted[key], answer.processId


def _comparable(process: Process) -> tuple[str, ...]:
    entity = process.entity
    labels = sorted(entity.labels)
    return entity.layer, entity.service, entity.instance, entity.process, *labels
