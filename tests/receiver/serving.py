"""A served backend whose storage and rules are fakes at their seams: what is tested is the wire."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from bench.stage import free_port
from google.protobuf.message import DecodeError

from podwire.model.meter import Single
from podwire.model.metric import Partial, Relation
from podwire.model.policy import Policy
from podwire.model.process import ProcessRecord, Sighting
from podwire.model.record import SampledRecord
from podwire.model.task import NetworkTask
from podwire.model.trace import Span, SpanEvent
from podwire.receiver.analysis import Pieces
from podwire.receiver.log import LogRule
from podwire.receiver.server import serve
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking.meter_pb2 import MeterDataCollection
from podwire.wire.meter import collection_of

NOW_MS = 1_700_000_000_000
TASK = NetworkTask(
    task_id="t", service_id="s", instance_id="i", start_ms=5, duration_s=600, update_ms=9
)


@dataclass
class Memory:
    """A sink that remembers."""

    reported: list[ProcessRecord] = field(default_factory=list)
    pinged: list[ProcessRecord] = field(default_factory=list)
    seen: list[Sighting] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    written: list[NetworkTask] = field(default_factory=list)
    known: list[Policy] = field(default_factory=list)
    records: list[SampledRecord] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    events: list[SpanEvent] = field(default_factory=list)
    followers: list[bool] = field(default_factory=list)
    failure: Exception | None = None

    async def report_processes(self, records: Sequence[ProcessRecord]) -> None:
        if self.failure:
            raise self.failure
        self.reported += records

    async def keep_alive(self, records: Sequence[ProcessRecord]) -> None:
        self.pinged += records

    async def see(self, sightings: Sequence[Sighting]) -> None:
        self.seen += sightings

    async def add(self, partials: Sequence[Partial], relations: Sequence[Relation]) -> None:
        self.relations += relations

    async def add_pieces(self, pieces: Pieces, relations: Sequence[Relation]) -> None:
        self.values += pieces
        self.relations += relations

    async def tasks_of_agent(
        self, agent_id: str, *, since_ms: int, now_ms: int, follows_instance: bool = False
    ) -> Sequence[tuple[NetworkTask, Sequence[str]]]:
        self.followers.append(follows_instance)
        return [(TASK, ("p1", "p2"))] if since_ms < TASK.update_ms else []

    async def write_task(self, new: NetworkTask) -> None:
        self.written.append(new)

    async def policies(self, service_ids: Sequence[str]) -> Sequence[Policy]:
        return [each for each in self.known if each.service_id in service_ids]

    async def add_records(self, records: Sequence[SampledRecord]) -> None:
        self.records += records

    async def add_spans(self, spans: Sequence[Span]) -> None:
        self.spans += spans

    async def add_events(self, events: Sequence[SpanEvent]) -> None:
        self.events += events


@dataclass
class FirstValues:
    """What the rules of the test make of collections: the first value of each."""

    pieces: Sequence[float]
    tally: Mapping[str, int]
    relations: Sequence[Relation] = ()
    virtual: Sequence[ProcessRecord] = ()
    unreadable: Sequence[int] = ()


class FirstValue:
    """An analyzer whose only rule keeps the first single value of each collection in time."""

    def admit(self, messages: Sequence[bytes], *, since_ms: int, until_ms: int) -> FirstValues:
        values, tally, unreadable = [], Counter[str](), []
        for number, message in enumerate(messages):
            try:
                collection = collection_of(MeterDataCollection.FromString(message).meterData)
            except (DecodeError, Malformed) as error:
                tally["meter_refused_malformed_total"] += 1
                unreadable += [number] if isinstance(error, DecodeError) else []
                continue
            if since_ms <= collection.timestamp_ms <= until_ms:
                meters = collection.meters
                values += [meter.value for meter in meters if isinstance(meter, Single)][:1]
                tally["meter_total"] += len(meters)
            else:
                tally["meter_refused_time_total"] += 1
        return FirstValues(values, tally, unreadable=unreadable)


class OneName:
    """Names one address."""

    def name_of(self, address: str) -> str | None:
        return "cart.shop" if address == "10.0.0.9" else None


@dataclass
class Backend:
    """A served sink."""

    address: str
    memory: Memory
    tally: Tally

    def channel(self) -> grpc.aio.Channel:
        """A new line to it."""
        return grpc.aio.insecure_channel(self.address)


@asynccontextmanager
async def serving(*, token: str = "", address: str = "") -> AsyncIterator[Backend]:
    """A server on a free port of loopback."""
    memory, tally = Memory(), Tally()
    sink: Sink = memory
    address = address or f"127.0.0.1:{free_port()}"
    server = await serve(
        address,
        sink=sink,
        analyzer=FirstValue(),
        names=OneName(),
        log_rule=LogRule(frozenset({"K8S_SERVICE"}), "{trace_provider}-{uri}"),
        tally=tally,
        now_ms=lambda: NOW_MS,
        token=token,
    )
    try:
        yield Backend(address, memory, tally)
    finally:
        await server.stop(grace=None)


async def call(channel: grpc.aio.Channel, method: str, *messages: bytes, **metadata: str) -> bytes:
    """Bytes in, bytes out, whatever the method: a stream of messages, an answer."""

    async def stream() -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    pairs = tuple(metadata.items())
    answer: bytes = await channel.stream_unary(method, None, None)(stream(), metadata=pairs)
    return answer
