"""
LogReportService: sampled requests become records (contract 2.6, 5.4).

In: logs; those marked as sampled requests are read, of the others only their instance is noted.
Out: `Sink`: records, the edge they ran over, and the ends that nobody monitors. What is a record
and what it is called says a rule file.
"""

import string
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

import grpc

from podwire.model.identity import (
    entity_instance_id,
    entity_process_id,
    relation_id,
)
from podwire.model.metric import Relation
from podwire.model.process import (
    UNKNOWN_LOCAL,
    UNKNOWN_REMOTE,
    DetectType,
    Entity,
    ProcessRecord,
    Sighting,
)
from podwire.model.record import SampledRecord
from podwire.receiver.chunk import chunks
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.receiver.window import is_timely
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import command_pb2, logging_pb2, logging_pb2_grpc
from podwire.wire.log import WORDS, End, Sample, is_sample, sample_of


class Names(Protocol):
    """Names addresses, as for meters."""

    def name_of(self, address: str) -> str | None:
        """The name behind an IP in text; None when unknown."""


@dataclass(frozen=True, slots=True)
class LogRule:
    """Which logs are sampled requests, and what their records are called."""

    layers: frozenset[str]
    name: str
    """A template with words of the request in braces, e.g. `{uri}`."""

    def __post_init__(self) -> None:
        """Raise ValueError for a template with a word that is none."""
        fields = [field for _, field, _, _ in string.Formatter().parse(self.name)]
        unknown = sorted({field for field in fields if field is not None} - set(WORDS))
        if unknown or not any(fields):
            raise ValueError(f"name must be made of {', '.join(WORDS)} in braces: {self.name!r}")


class LogService(logging_pb2_grpc.LogReportServiceServicer):
    """Keeps what was sampled."""

    def __init__(
        self, rule: LogRule, names: Names, sink: Sink, tally: Tally, now_ms: Callable[[], int]
    ) -> None:
        self._rule = rule
        self._names = names
        self._sink = sink
        self._tally = tally
        self._now_ms = now_ms

    async def collect(
        self,
        request_iterator: AsyncIterator[logging_pb2.LogData],
        context: grpc.aio.ServicerContext[logging_pb2.LogData, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        service = ""
        async for logs in chunks(request_iterator):
            named: list[tuple[str, logging_pb2.LogData]] = []
            for log in logs:
                service = service or log.service
                named.append((log.service or service, log))
            await self._see(named)
            samples = [
                sample for service, log in named if (sample := self._sample_or_none(service, log))
            ]
            await self._keep(samples)
        return command_pb2.Commands()

    async def _see(self, logs: list[tuple[str, logging_pb2.LogData]]) -> None:
        now_ms = self._now_ms()
        await self._sink.see(
            [
                Sighting(
                    layer=log.layer or "GENERAL",
                    service=service,
                    instance=log.serviceInstance,
                    seen_ms=now_ms,
                )
                for service, log in logs
                if service
            ]
        )

    def _sample_or_none(self, service: str, log: logging_pb2.LogData) -> Sample | None:
        if not is_sample(log) or log.layer not in self._rule.layers:
            self._tally.add("log_not_kept_total")
            return None
        try:
            sample = sample_of(log, service)
        except Malformed as error:
            self._tally.refuse("sample_refused_malformed_total", str(error))
            return None
        if not is_timely(sample.timestamp_ms, self._now_ms()):
            self._tally.refuse(
                "sample_refused_time_total", f"a sampled request of {service} has a wrong time"
            )
            return None
        return sample

    async def _keep(self, samples: list[Sample]) -> None:
        if not samples:
            return
        now_ms = self._now_ms()
        records, relations, virtual = [], [], {}
        for sample in samples:
            ends = [_entity(sample, end, self._names) for end in (sample.client, sample.server)]
            virtual.update({entity_process_id(each): each for each in ends if each})
            source, target = (
                entity_process_id(entity) if entity else end.process_id
                for entity, end in zip(ends, (sample.client, sample.server), strict=True)
            )
            records.append(self._record(sample, relation_id(source, target)))
            relations.append(_relation(sample, source, target))
        await self._sink.report_processes(
            [_virtual(identity, entity, now_ms) for identity, entity in virtual.items()]
        )
        await self._sink.add_records(records)
        await self._sink.add([], relations)
        self._tally.add("sample_total", len(records))

    def _record(self, sample: Sample, entity: str) -> SampledRecord:
        return SampledRecord(
            kind=sample.kind,
            entity=entity,
            trace_id=sample.trace_id,
            statement=self._rule.name.format_map(sample.words),
            latency_ms=sample.latency_ms,
            timestamp_ms=sample.timestamp_ms,
        )


def _entity(sample: Sample, end: End, names: Names) -> Entity | None:
    """The virtual process at an end; None for one that reports itself."""
    if end.process_id:
        return None
    host = end.address.rpartition(":")[0] or end.address
    name = UNKNOWN_LOCAL if end.is_local else names.name_of(host) or UNKNOWN_REMOTE
    return Entity(layer="", service=sample.service, instance=sample.instance, process=name)


def _virtual(identity: str, entity: Entity, now_ms: int) -> ProcessRecord:
    return ProcessRecord(
        process_id=identity,
        entity=entity,
        detect_type=DetectType.VIRTUAL,
        agent_id="",
        last_ping_ms=now_ms,
    )


def _relation(sample: Sample, source: str, target: str) -> Relation:
    here = Entity(layer="", service=sample.service, instance=sample.instance, process="")
    return Relation(
        entity_instance_id(here),
        source,
        target,
        sample.side,
        sample.component.value,
        sample.timestamp_ms // 60_000 * 60,
    )
