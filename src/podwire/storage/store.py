"""
The store: everything the backend keeps, behind one value.

In: what receivers admit and operators ask for.  Out: rows merged as they are read.
Satisfies `receiver.sink.Sink` and `query.source.Source`.
"""

import asyncio
from collections.abc import Mapping, Sequence

from clickhouse_connect.driver.exceptions import ClickHouseError

from podwire.model.audit import Entry
from podwire.model.metric import Metric, Partial, Relation, Side
from podwire.model.policy import Policy
from podwire.model.process import ProcessRecord, Sighting
from podwire.model.record import SampledKind, SampledRecord
from podwire.model.task import NetworkTask
from podwire.model.topology import Edge, Instance, Point, Service, StoredProcess
from podwire.model.trace import Span, SpanEvent
from podwire.storage import audit, known, policy, process, ranking, record, task, trace
from podwire.storage.buffer import Buffer
from podwire.storage.engine import Engine
from podwire.storage.migrate import migrate
from podwire.storage.point import Points
from podwire.storage.window import Piece, Places

FLUSH_INTERVAL_S = 0.4
BUFFER_LIMIT = 5_000_000
"""Rows that wait for the engine: some 120 MB. What is merged counts once."""

WRITTEN_LIMIT = 100_000
"""So many virtual processes and instances are remembered as written in this minute."""

LIVE_MS = 45_000
"""A process is live for two heartbeats and a little."""

EDGES = """
SELECT DISTINCT source, target, side, component
FROM relation_minute
WHERE instance_id = {instance:String}
  AND minute >= toDateTime({since:Int64}) AND minute <= toDateTime({until:Int64})
ORDER BY source, target, side, component
"""


class Store:
    """An open store; `close` it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._buffer = Buffer(engine, limit=BUFFER_LIMIT)
        self._points = Points(engine, self._buffer)
        self._written: dict[str, int] = {}
        self._flushing = asyncio.create_task(self._flush_forever())

    @classmethod
    async def open(cls, dsn: str) -> "Store":
        """
        Open and migrate. `chdb:///PATH`, `chdb://memory` or `http://HOST:PORT/DATABASE`.

        Raises `Unavailable`.
        """
        engine = await Engine.open(dsn)
        await migrate(engine)
        return cls(engine)

    async def close(self) -> None:
        """Write what is buffered and close."""
        self._flushing.cancel()
        await asyncio.gather(self._flushing, return_exceptions=True)
        await self._buffer.flush()
        await self._engine.close()

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            await asyncio.shield(self._buffer.flush())

    async def flush(self) -> None:
        """Make everything that was added queryable now."""
        await self._buffer.flush()

    def losses(self) -> Mapping[str, int]:
        """Totals by reason since start."""
        return self._buffer.losses()

    async def report_processes(self, records: Sequence[ProcessRecord]) -> None:
        fresh = [record for record in records if self._is_news(record)]
        await process.write(self._engine, fresh)

    def _is_news(self, record: ProcessRecord) -> bool:
        return bool(record.agent_id) or self._is_new(record.process_id, record.last_ping_ms)

    def _is_new(self, key: str, now_ms: int) -> bool:
        """What comes with every report need be written once a minute only."""
        minute = now_ms // 60_000
        if self._written.get(key) == minute:
            return False
        if len(self._written) > WRITTEN_LIMIT:
            self._written.clear()
        self._written[key] = minute
        return True

    async def keep_alive(self, records: Sequence[ProcessRecord]) -> None:
        await process.write(self._engine, records)
        await process.write_instances(
            self._engine,
            [
                Sighting(
                    layer=each.entity.layer,
                    service=each.entity.service,
                    instance=each.entity.instance,
                    seen_ms=each.last_ping_ms,
                )
                for each in records
            ],
        )

    async def see(self, sightings: Sequence[Sighting]) -> None:
        fresh = {
            (each.layer, each.service, each.instance): each
            for each in sightings
            if self._is_new(f"{each.layer} {each.service} {each.instance}", each.seen_ms)
        }
        await process.write_instances(self._engine, list(fresh.values()))

    async def add(self, partials: Sequence[Partial], relations: Sequence[Relation]) -> None:
        self._buffer.add(partials, relations)

    async def add_pieces(
        self, pieces: Sequence[tuple[Piece, Places]], relations: Sequence[Relation]
    ) -> None:
        await self._buffer.add_pieces(pieces, relations)

    async def tasks_of_agent(
        self, agent_id: str, *, since_ms: int, now_ms: int, follows_instance: bool = False
    ) -> Sequence[tuple[NetworkTask, Sequence[str]]]:
        return await task.hand_out_to(
            self._engine,
            agent_id,
            since_ms=since_ms,
            now_ms=now_ms,
            live_since_ms=now_ms - LIVE_MS,
            follows_instance=follows_instance,
        )

    async def last_pings(self, instance_ids: Sequence[str]) -> Mapping[str, int]:
        return await process.last_pings(self._engine, instance_ids)

    async def services(self) -> Sequence[Service]:
        return await process.services(self._engine)

    async def instances(self, service_id: str = "") -> Sequence[Instance]:
        return await process.instances(self._engine, service_id)

    async def processes(
        self,
        *,
        service_id: str = "",
        instance_id: str = "",
        ids: Sequence[str] = (),
        since_ms: int = 0,
        until_ms: int = process.EVER_MS,
    ) -> Sequence[StoredProcess]:
        return await process.processes(
            self._engine,
            service=service_id,
            instance=instance_id,
            ids=ids,
            since_ms=since_ms,
            until_ms=until_ms,
        )

    async def edges(self, instance_id: str, since_s: int, until_s: int) -> Sequence[Edge]:
        parameters = {"instance": instance_id, "since": since_s, "until": until_s}
        rows = await self._engine.query(EDGES, parameters)
        return [Edge(row[0], row[1], Side(row[2]), row[3]) for row in rows]

    async def points(
        self, entity: str, metrics: Sequence[str], since_s: int, until_s: int
    ) -> Mapping[str, Sequence[Point]]:
        return await self._points.read(entity, metrics, since_s, until_s)

    async def tasks(
        self, *, service_id: str = "", instance_id: str = "", task_id: str = ""
    ) -> Sequence[NetworkTask]:
        return await task.tasks(
            self._engine, service=service_id, instance=instance_id, task=task_id
        )

    async def write_task(self, new: NetworkTask) -> None:
        await task.write(self._engine, new)

    async def policies(self, service_ids: Sequence[str]) -> Sequence[Policy]:
        """What is set for these services; a service that never had a policy is absent."""
        return await policy.policies(self._engine, service_ids)

    async def write_policy(self, new: Policy, now_ms: int) -> None:
        await policy.write(self._engine, new, now_ms)

    async def top(
        self,
        metric: Metric,
        starts_s: Sequence[int],
        end_s: int,
        *,
        limit: int,
        ascending: bool,
        within: Sequence[str] | None = None,
    ) -> Sequence[tuple[str, int]]:
        return await ranking.top(
            self._engine,
            metric,
            starts_s,
            end_s,
            limit=limit,
            ascending=ascending,
            within=within,
        )

    async def entities(
        self, metrics: Sequence[str], prefix: str, *, since_s: int, until_s: int, limit: int
    ) -> Sequence[str]:
        return await known.entities(
            self._engine, metrics, prefix, since_s=since_s, until_s=until_s, limit=limit
        )

    async def matching(self, pattern: str, names: Sequence[str]) -> Sequence[str]:
        """Names in which a pattern is found, in time linear in them; ValueError for a bad one."""
        sql = "SELECT arrayFilter(name -> match(name, {pattern:String}), {names:Array(String)})"
        parameters = {"pattern": pattern, "names": list(names)}
        try:
            ((found,),) = await self._engine.query(sql, parameters)
        except ClickHouseError as error:
            raise ValueError(f"{pattern!r} is not a regular expression") from error
        return list(found)

    async def add_records(self, records: Sequence[SampledRecord]) -> None:
        """Keep samples; queryable at once, and none twice."""
        await record.write(self._engine, records)

    async def records(
        self,
        kind: SampledKind,
        entity: str,
        *,
        since_ms: int,
        until_ms: int,
        limit: int,
        slowest: bool,
    ) -> Sequence[SampledRecord]:
        return await record.records(
            self._engine,
            kind,
            entity,
            since_ms=since_ms,
            until_ms=until_ms,
            limit=limit,
            slowest=slowest,
        )

    async def add_spans(self, spans: Sequence[Span]) -> None:
        """Keep spans; queryable at once, and none twice."""
        await trace.write_spans(self._engine, spans)

    async def add_events(self, events: Sequence[SpanEvent]) -> None:
        """Keep events of spans; queryable at once, and none twice."""
        await trace.write_events(self._engine, events)

    async def audit(self, *, since_ms: int, until_ms: int, limit: int) -> Sequence[Entry]:
        return await audit.entries(self._engine, since_ms=since_ms, until_ms=until_ms, limit=limit)

    async def write_audit(self, entry: Entry) -> None:
        await audit.write(self._engine, entry)

    async def spans(self, trace_id: str) -> Sequence[Span]:
        return await trace.spans(self._engine, trace_id)

    async def events(self, trace_id: str) -> Sequence[SpanEvent]:
        return await trace.events(self._engine, trace_id)
