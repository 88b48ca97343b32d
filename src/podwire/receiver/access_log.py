"""
EBPFAccessLogService: accepted and counted, not kept (contract 1.9).

In: access logs of a Rover that sends them.  Out: a total; the Rover is not made to fail.
"""

from collections.abc import AsyncIterator

import grpc

from podwire.receiver.tally import Tally
from podwire.wire.gen.skywalking import accesslog_pb2, accesslog_pb2_grpc


class AccessLogService(accesslog_pb2_grpc.EBPFAccessLogServiceServicer):
    """Counts messages."""

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
