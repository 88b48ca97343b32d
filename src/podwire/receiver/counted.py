"""
Services whose data is accepted and counted, and not kept yet.

In: logs, events, access logs.  Out: totals; an agent that sends them is not made to fail.
"""

from collections.abc import AsyncIterator

import grpc

from podwire.receiver.tally import Tally
from podwire.wire.gen.skywalking import (
    accesslog_pb2,
    accesslog_pb2_grpc,
    command_pb2,
    logging_pb2,
    logging_pb2_grpc,
    tracing_pb2,
    tracing_pb2_grpc,
)


class LogService(logging_pb2_grpc.LogReportServiceServicer):
    """Counts logs."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    async def collect(
        self,
        request_iterator: AsyncIterator[logging_pb2.LogData],
        context: grpc.aio.ServicerContext[logging_pb2.LogData, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        async for _ in request_iterator:
            self._tally.add("log_not_kept_total")
        return command_pb2.Commands()


class EventService(tracing_pb2_grpc.SpanAttachedEventReportServiceServicer):
    """Counts span-attached events."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    async def collect(
        self,
        request_iterator: AsyncIterator[tracing_pb2.SpanAttachedEvent],
        context: grpc.aio.ServicerContext[tracing_pb2.SpanAttachedEvent, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        async for _ in request_iterator:
            self._tally.add("event_not_kept_total")
        return command_pb2.Commands()


class AccessLogService(accesslog_pb2_grpc.EBPFAccessLogServiceServicer):
    """Counts access log messages."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    async def collect(
        self,
        request_iterator: AsyncIterator[accesslog_pb2.EBPFAccessLogMessage],
        context: grpc.aio.ServicerContext[
            accesslog_pb2.EBPFAccessLogMessage, accesslog_pb2.EBPFAccessLogDownstream
        ],
    ) -> accesslog_pb2.EBPFAccessLogDownstream:
        del context
        async for _ in request_iterator:
            self._tally.add("access_log_not_kept_total")
        return accesslog_pb2.EBPFAccessLogDownstream()
