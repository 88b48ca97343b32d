"""
The gRPC server on port 11800 with every service, health and reflection.

In: a sink, an analyzer.  Out: a started server.  What we do not have answers UNIMPLEMENTED and is
logged once a method.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from podwire.receiver.analysis import Analyzer
from podwire.receiver.continuous import ContinuousService
from podwire.receiver.counted import AccessLogService, EventService, LogService
from podwire.receiver.meter import MeterService
from podwire.receiver.process import ProcessService
from podwire.receiver.profiling import ProfilingService
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.wire.gen.skywalking import (
    accesslog_pb2,
    accesslog_pb2_grpc,
    continuous_pb2,
    continuous_pb2_grpc,
    logging_pb2,
    logging_pb2_grpc,
    meter_pb2,
    meter_pb2_grpc,
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

SERVICES = (
    process_pb2.DESCRIPTOR.services_by_name["EBPFProcessService"].full_name,
    profile_pb2.DESCRIPTOR.services_by_name["EBPFProfilingService"].full_name,
    continuous_pb2.DESCRIPTOR.services_by_name["ContinuousProfilingService"].full_name,
    meter_pb2.DESCRIPTOR.services_by_name["MeterReportService"].full_name,
    logging_pb2.DESCRIPTOR.services_by_name["LogReportService"].full_name,
    tracing_pb2.DESCRIPTOR.services_by_name["SpanAttachedEventReportService"].full_name,
    accesslog_pb2.DESCRIPTOR.services_by_name["EBPFAccessLogService"].full_name,
    health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
    reflection.SERVICE_NAME,
)


class PortTaken(OSError):
    """The address cannot be listened on; the operator must free it or choose another."""


if TYPE_CHECKING:  # generic for mypy alone
    Handler = grpc.RpcMethodHandler[object, object]
    Interceptor = grpc.aio.ServerInterceptor[object, object]
else:
    Handler, Interceptor = grpc.RpcMethodHandler, grpc.aio.ServerInterceptor


class NameTheUnknown(Interceptor):
    """Logs each method that nobody here implements, once."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if not handler and method not in self._known and len(self._known) < 1000:
            self._known.add(method)
            log.warning("an agent called %s, which podwire does not have", method)
        return handler


async def serve(
    address: str, *, sink: Sink, analyzer: Analyzer, tally: Tally, now_ms: Callable[[], int]
) -> grpc.aio.Server:
    """
    A started server on `HOST:PORT`.

    Raises `PortTaken` when the address cannot be bound.
    """
    server = grpc.aio.server(
        interceptors=[NameTheUnknown()],
        options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.so_reuseport", 0)],
    )
    process_pb2_grpc.add_EBPFProcessServiceServicer_to_server(
        ProcessService(sink, tally, now_ms), server
    )
    profile_pb2_grpc.add_EBPFProfilingServiceServicer_to_server(
        ProfilingService(sink, tally, now_ms), server
    )
    continuous_pb2_grpc.add_ContinuousProfilingServiceServicer_to_server(
        ContinuousService(), server
    )
    meter_pb2_grpc.add_MeterReportServiceServicer_to_server(
        MeterService(analyzer, sink, tally, now_ms), server
    )
    logging_pb2_grpc.add_LogReportServiceServicer_to_server(LogService(tally), server)
    tracing_pb2_grpc.add_SpanAttachedEventReportServiceServicer_to_server(
        EventService(tally), server
    )
    accesslog_pb2_grpc.add_EBPFAccessLogServiceServicer_to_server(AccessLogService(tally), server)
    await _add_health(server)
    reflection.enable_server_reflection(SERVICES, server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise PortTaken(f"cannot listen on {address} for gRPC") from error
    await server.start()
    log.info("gRPC for agents: %s:%d", address.rpartition(":")[0], port)
    return server


async def _add_health(server: grpc.aio.Server) -> None:
    servicer = HealthServicer()
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
