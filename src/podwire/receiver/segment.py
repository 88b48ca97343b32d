"""
TraceSegmentReportService: the traces that sampled requests belong to.

In: segments of language agents.  Out: `Sink`: spans, and the instances that sent them.
"""

from collections.abc import AsyncIterator, Callable, Iterable

import grpc

from podwire.model.process import Sighting
from podwire.model.trace import Span
from podwire.receiver.chunk import chunks
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.receiver.window import is_timely
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import command_pb2, tracing_pb2, tracing_pb2_grpc
from podwire.wire.trace import spans_of

LAYER = "GENERAL"
"""Of every service with a language agent."""


class SegmentService(tracing_pb2_grpc.TraceSegmentReportServiceServicer):
    """Keeps spans."""

    def __init__(self, sink: Sink, tally: Tally, now_ms: Callable[[], int]) -> None:
        self._sink = sink
        self._tally = tally
        self._now_ms = now_ms

    async def collect(
        self,
        request_iterator: AsyncIterator[tracing_pb2.SegmentObject],
        context: grpc.aio.ServicerContext[tracing_pb2.SegmentObject, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        async for segments in chunks(request_iterator):
            await self._keep(segments)
        return command_pb2.Commands()

    async def collectInSync(  # noqa: N802 - the wire's name
        self,
        request: tracing_pb2.SegmentCollection,
        context: grpc.aio.ServicerContext[tracing_pb2.SegmentCollection, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        await self._keep(request.segments)
        return command_pb2.Commands()

    async def _keep(self, segments: Iterable[tracing_pb2.SegmentObject]) -> None:
        now_ms = self._now_ms()
        spans: list[Span] = []
        for segment in segments:
            try:
                found = spans_of(segment)
            except Malformed as error:
                self._tally.refuse("segment_refused_malformed_total", str(error))
                continue
            if all(is_timely(span.start_ms, now_ms) for span in found):
                spans += found
            else:
                self._tally.refuse(
                    "segment_refused_time_total", f"a segment of {segment.service} has a wrong time"
                )
        seen = {(span.service, span.instance) for span in spans}
        await self._sink.see(
            [Sighting(layer=LAYER, service=s, instance=i, seen_ms=now_ms) for s, i in sorted(seen)]
        )
        await self._sink.add_spans(spans)
        self._tally.add("span_total", len(spans))
