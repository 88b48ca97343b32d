"""
MeterReportService: numbers from agents become partials (contract 1.6, 5.1).

In: `collectBatch` (one input a message) and `collect` (one input a stream), as bytes.  Out: the
intake. The answer comes when everything that was sent is with the sink.
"""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from podwire.receiver.gate import Unreadable
from podwire.receiver.intake import Intake
from podwire.receiver.tally import Tally
from podwire.wire.gen.skywalking import command_pb2, meter_pb2

SERVICE = meter_pb2.DESCRIPTOR.services_by_name["MeterReportService"].full_name

STREAM_BYTES = 50 * 1024 * 1024
"""A `collect` stream is one input, and no larger than a message of `collectBatch` may be."""


class MeterService:
    """Hands every collection on as it comes."""

    def __init__(self, intake: Intake, tally: Tally) -> None:
        self._intake = intake
        self._tally = tally

    def add_to(self, server: Any) -> None:
        """Offer both methods; neither makes messages of the bytes."""
        handlers = {
            name: grpc.stream_unary_rpc_method_handler(
                method, None, command_pb2.Commands.SerializeToString
            )
            for name, method in (("collect", self.collect), ("collectBatch", self.collect_batch))
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        server.add_registered_method_handlers(SERVICE, handlers)

    async def collect_batch(
        self, requests: AsyncIterator[bytes], context: Any
    ) -> command_pb2.Commands:
        """Each message is a collection."""
        del context
        places = [await self._intake.put(message) async for message in requests]
        for place in places:
            await place
        return command_pb2.Commands()

    async def collect(
        self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]
    ) -> command_pb2.Commands:
        """Each message is a meter, all of the stream are a collection."""
        whole, size = meter_pb2.MeterDataCollection(), 0
        async for entry in requests:
            size += len(entry)
            if size > STREAM_BYTES:
                self._tally.add("meter_refused_size_total")
                await context.abort(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, "send fewer meters in one stream"
                )
            try:
                whole.meterData.append(meter_pb2.MeterData.FromString(entry))
            except DecodeError as error:
                raise Unreadable("the bytes of a meter are no message") from error
        if whole.meterData:
            await (await self._intake.put(whole.SerializeToString()))
        return command_pb2.Commands()
