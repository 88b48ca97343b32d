"""
The gRPC server on port 11800 with every service, health and reflection.

In: a sink, an analyzer, who may call.  Out: a started server, and on which port.
"""

import logging
from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from podwire.receiver.access_log import AccessLogService
from podwire.receiver.analysis import Analyzer
from podwire.receiver.continuous import ContinuousService
from podwire.receiver.event import EventService
from podwire.receiver.gate import Answered, Token, Unknown
from podwire.receiver.intake import Intake
from podwire.receiver.log import LogRule, LogService, Names
from podwire.receiver.management import ManagementService
from podwire.receiver.meter import MeterService
from podwire.receiver.process import ProcessService
from podwire.receiver.profiling import ProfilingService
from podwire.receiver.segment import SegmentService
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.wire.gen.skywalking import (
    accesslog_pb2,
    accesslog_pb2_grpc,
    continuous_pb2,
    continuous_pb2_grpc,
    logging_pb2,
    logging_pb2_grpc,
    management_pb2,
    management_pb2_grpc,
    meter_pb2,
    process_pb2,
    process_pb2_grpc,
    profile_pb2,
    profile_pb2_grpc,
    tracing_pb2,
    tracing_pb2_grpc,
)

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 50 * 1024 * 1024
"""The largest message taken in, as in OAP (contract 0)."""

SERVICES = tuple(
    service.full_name
    for module in (
        process_pb2,
        profile_pb2,
        continuous_pb2,
        meter_pb2,
        logging_pb2,
        tracing_pb2,
        accesslog_pb2,
        management_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
)


class _BothNames:
    """A server to add services to: each is there without its package, too (before v3)."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, methods: Any) -> None:
        old = grpc.method_handlers_generic_handler(service.rpartition(".")[2], methods)
        self._server.add_generic_rpc_handlers((old,))


class PortTaken(OSError):
    """The address cannot be listened on; the operator must free it or choose another."""


async def serve(
    address: str,
    *,
    sink: Sink,
    analyzer: Analyzer,
    names: Names,
    log_rule: LogRule,
    tally: Tally,
    now_ms: Callable[[], int],
    token: str = "",
    transient: tuple[type[Exception], ...] = (OSError,),
) -> grpc.aio.Server:
    """
    A started server on `HOST:PORT`; with a token, calls without it are refused.

    Calls that fail with a `transient` error may be sent again.

    Raises `PortTaken` when the address cannot be bound.
    """
    server = grpc.aio.server(
        interceptors=[Token(token, tally), Answered(tally, transient), Unknown(tally)],
        options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.so_reuseport", 0)],
    )
    both: Any = _BothNames(server)
    _add_ebpf(both, sink, tally, now_ms)
    MeterService(Intake(analyzer, sink, tally, now_ms), tally).add_to(both)
    logging_pb2_grpc.add_LogReportServiceServicer_to_server(
        LogService(log_rule, names, sink, tally, now_ms), both
    )
    _add_language(both, sink, tally, now_ms)
    await _add_health(server)
    health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    reflection.enable_server_reflection([*SERVICES, health, reflection.SERVICE_NAME], server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise PortTaken(f"cannot listen on {address} for gRPC") from error
    await server.start()
    log.info("gRPC for agents: %s:%d", address.rpartition(":")[0], port)
    return server


def _add_ebpf(server: grpc.aio.Server, sink: Sink, tally: Tally, now_ms: Callable[[], int]) -> None:
    """What a Rover calls beside meters and logs."""
    process_pb2_grpc.add_EBPFProcessServiceServicer_to_server(
        ProcessService(sink, tally, now_ms), server
    )
    profile_pb2_grpc.add_EBPFProfilingServiceServicer_to_server(
        ProfilingService(sink, tally, now_ms), server
    )
    continuous_pb2_grpc.add_ContinuousProfilingServiceServicer_to_server(
        ContinuousService(sink, tally, now_ms), server
    )
    accesslog_pb2_grpc.add_EBPFAccessLogServiceServicer_to_server(AccessLogService(tally), server)
    tracing_pb2_grpc.add_SpanAttachedEventReportServiceServicer_to_server(
        EventService(sink, tally, now_ms), server
    )


def _add_language(
    server: grpc.aio.Server, sink: Sink, tally: Tally, now_ms: Callable[[], int]
) -> None:
    """What language agents call."""
    tracing_pb2_grpc.add_TraceSegmentReportServiceServicer_to_server(
        SegmentService(sink, tally, now_ms), server
    )
    management_pb2_grpc.add_ManagementServiceServicer_to_server(
        ManagementService(sink, tally, now_ms), server
    )


async def _add_health(server: grpc.aio.Server) -> None:
    servicer = HealthServicer()
    for name in ("", *SERVICES):
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
