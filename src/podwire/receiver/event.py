"""
SpanAttachedEventReportService: what was seen on the network while a span ran (contract 2.7).

In: events of sampled requests.  Out: `Sink`; a query attaches them to their spans.
"""

from collections.abc import AsyncIterator, Callable

import grpc

from podwire.model.trace import SpanEvent
from podwire.receiver.chunk import chunks
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.receiver.window import is_timely
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import command_pb2, tracing_pb2, tracing_pb2_grpc
from podwire.wire.trace import event_of


class EventService(tracing_pb2_grpc.SpanAttachedEventReportServiceServicer):
    """Keeps events."""

    def __init__(self, sink: Sink, tally: Tally, now_ms: Callable[[], int]) -> None:
        self._sink = sink
        self._tally = tally
        self._now_ms = now_ms

    async def collect(
        self,
        request_iterator: AsyncIterator[tracing_pb2.SpanAttachedEvent],
        context: grpc.aio.ServicerContext[tracing_pb2.SpanAttachedEvent, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        async for messages in chunks(request_iterator):
            events = [event for message in messages if (event := self._event_or_none(message))]
            await self._sink.add_events(events)
            self._tally.add("event_total", len(events))
        return command_pb2.Commands()

    def _event_or_none(self, message: tracing_pb2.SpanAttachedEvent) -> SpanEvent | None:
        try:
            event = event_of(message)
        except Malformed as error:
            self._tally.refuse("event_refused_malformed_total", str(error))
            return None
        if not is_timely(event.start_ns // 1_000_000, self._now_ms()):
            self._tally.refuse("event_refused_time_total", "an event of a span has a wrong time")
            return None
        return event
