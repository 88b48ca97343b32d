"""
MeterReportService: numbers from agents become partials (contract 1.6, 5.1).

In: `collectBatch` (one input a message) and `collect` (one input a stream).  Out: MAL, then `Sink`.
A report that is malformed or stamped outside the window that storage keeps is refused and counted;
the ones around it are not touched.
"""

from collections.abc import AsyncIterator, Callable, Iterable

import grpc

from podwire.receiver.analysis import Analyzer
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import command_pb2, meter_pb2, meter_pb2_grpc
from podwire.wire.meter import collection_of

OLDEST_MS = 24 * 3600 * 1000
"""Reports older than a day are refused."""

NEWEST_MS = 3600 * 1000
"""Reports from more than an hour ahead are refused: their sender's clock is wrong."""


class MeterService(meter_pb2_grpc.MeterReportServiceServicer):
    """Analyzes every collection as it comes."""

    def __init__(
        self, analyzer: Analyzer, sink: Sink, tally: Tally, now_ms: Callable[[], int]
    ) -> None:
        self._analyzer = analyzer
        self._sink = sink
        self._tally = tally
        self._now_ms = now_ms

    async def collectBatch(  # noqa: N802 - the wire's name
        self,
        request_iterator: AsyncIterator[meter_pb2.MeterDataCollection],
        context: grpc.aio.ServicerContext[meter_pb2.MeterDataCollection, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        async for message in request_iterator:
            await self._admit(message.meterData)
        return command_pb2.Commands()

    async def collect(
        self,
        request_iterator: AsyncIterator[meter_pb2.MeterData],
        context: grpc.aio.ServicerContext[meter_pb2.MeterData, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        messages = [message async for message in request_iterator]
        if messages:
            await self._admit(messages)
        return command_pb2.Commands()

    async def _admit(self, messages: Iterable[meter_pb2.MeterData]) -> None:
        try:
            collection = collection_of(messages)
        except Malformed:
            self._tally.add("meter_refused_malformed_total")
            return
        age_ms = self._now_ms() - collection.timestamp_ms
        if not -NEWEST_MS <= age_ms <= OLDEST_MS:
            self._tally.add("meter_refused_time_total")
            return
        analysis = self._analyzer.analyze(collection)
        if analysis.virtual:
            await self._sink.report_processes(analysis.virtual)
        await self._sink.add(analysis.partials, analysis.relations)
        self._tally.add("meter_total", len(collection.meters))
        self._tally.add("partial_total", len(analysis.partials))
