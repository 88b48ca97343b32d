"""
Processes, instances and services in storage.

In: reports and heartbeats.  Out: who is there. A newer value wins, a blank one never does
(SkyWalking's rules for process traffic).
"""

from collections.abc import Sequence
from typing import Any

from podwire.model.identity import entity_instance_id, instance_id, service_id
from podwire.model.process import DetectType, Entity, ProcessRecord, Sighting
from podwire.model.topology import Instance, Service, StoredProcess
from podwire.storage.engine import Engine, Row

SERVICES = """
SELECT service_id, any(service), groupUniqArray(layer)
FROM instance
GROUP BY service_id
ORDER BY any(service)
"""

INSTANCES = """
SELECT instance_id, any(service_id), any(service), any(instance),
       min(first_ping_ms), max(last_ping_ms)
FROM instance
WHERE instance_id != '' AND ({service:String} = '' OR service_id = {service:String})
GROUP BY instance_id
ORDER BY any(instance)
"""

PROCESSES = """
SELECT process_id, any(service), any(instance), any(process),
       max(layer).2, max(labels).2, max(detect_type).2, max(agent_id).2,
       maxMap(properties), min(first_ping_ms) AS first_ms, max(last_ping_ms) AS last_ms
FROM process
WHERE ({service:String} = '' OR service_id = {service:String})
  AND ({instance:String} = '' OR instance_id = {instance:String})
  AND (empty({ids:Array(String)}) OR process_id IN {ids:Array(String)})
GROUP BY process_id
HAVING last_ms >= {since:Int64} AND first_ms <= {until:Int64}
ORDER BY any(process), process_id
"""

LIVE_OF_AGENT = """
SELECT instance_id, groupArray(process_id)
FROM (
    SELECT any(instance_id) AS instance_id, process_id
    FROM process
    WHERE process_id IN (
        SELECT process_id FROM process
        WHERE last_ping_ms >= {since:Int64} AND agent_id.2 = {agent:String}
    )
    GROUP BY process_id
    HAVING max(agent_id).2 = {agent:String} AND max(last_ping_ms) >= {since:Int64}
    ORDER BY process_id
)
GROUP BY instance_id
"""

LAST_PINGS = """
SELECT instance_id, max(last_ping_ms)
FROM process
WHERE instance_id IN {instances:Array(String)} AND agent_id.2 != ''
GROUP BY instance_id
"""

EVER_MS = 2**62


async def write(engine: Engine, records: Sequence[ProcessRecord]) -> None:
    """Insert or refresh processes."""
    if records:
        await engine.insert("process", _process_columns(records))


async def write_instances(engine: Engine, sightings: Sequence[Sighting]) -> None:
    """Insert or refresh instances, and so their services."""
    if sightings:
        await engine.insert("instance", _instance_columns(sightings))


def _process_columns(records: Sequence[ProcessRecord]) -> dict[str, list[Any]]:
    return {
        "process_id": [each.process_id for each in records],
        "instance_id": [entity_instance_id(each.entity) for each in records],
        "service_id": [service_id(each.entity.service) for each in records],
        "service": [each.entity.service for each in records],
        "instance": [each.entity.instance for each in records],
        "process": [each.entity.process for each in records],
        "layer": [_newest(each, each.entity.layer) for each in records],
        "labels": [_newest(each, list(each.entity.labels)) for each in records],
        "detect_type": [_newest(each, int(each.detect_type)) for each in records],
        "agent_id": [_newest(each, each.agent_id) for each in records],
        "properties": [
            {key: (each.last_ping_ms, value) for key, value in each.properties} for each in records
        ],
        "first_ping_ms": [each.last_ping_ms for each in records],
        "last_ping_ms": [each.last_ping_ms for each in records],
    }


def _newest(record: ProcessRecord, value: Any) -> tuple[int, Any]:
    """A pair of which max keeps the newest; a blank value is older than everything."""
    return (record.last_ping_ms if value else 0, value)


def _instance_columns(sightings: Sequence[Sighting]) -> dict[str, list[Any]]:
    services = [service_id(each.service) for each in sightings]
    return {
        "service_id": services,
        "instance_id": [
            instance_id(service, each.instance) if each.instance else ""
            for service, each in zip(services, sightings, strict=True)
        ],
        "layer": [each.layer for each in sightings],
        "service": [each.service for each in sightings],
        "instance": [each.instance for each in sightings],
        "first_ping_ms": [each.seen_ms for each in sightings],
        "last_ping_ms": [each.seen_ms for each in sightings],
    }


async def services(engine: Engine) -> list[Service]:
    """Every service, by name."""
    rows = await engine.query(SERVICES)
    return [Service(row[0], row[1], tuple(sorted(filter(None, row[2])))) for row in rows]


async def instances(engine: Engine, service: str = "") -> list[Instance]:
    """Every instance of a service id, or of all."""
    rows = await engine.query(INSTANCES, {"service": service})
    return [Instance(*row) for row in rows]


async def processes(
    engine: Engine,
    *,
    service: str = "",
    instance: str = "",
    ids: Sequence[str] = (),
    since_ms: int = 0,
    until_ms: int = EVER_MS,
) -> list[StoredProcess]:
    """Processes that lived in a time: of a service, an instance, some ids, or all; virtual too."""
    parameters = {
        "service": service,
        "instance": instance,
        "ids": list(ids),
        "since": since_ms,
        "until": until_ms,
    }
    return [_process(row) for row in await engine.query(PROCESSES, parameters)]


def _process(row: Row) -> StoredProcess:
    properties = {key: value for key, (_, value) in row[8].items()}
    return StoredProcess(
        process_id=row[0],
        entity=Entity(
            service=row[1], instance=row[2], process=row[3], layer=row[4], labels=tuple(row[5])
        ),
        detect_type=DetectType(row[6]),
        agent_id=row[7],
        properties=properties,
        first_ping_ms=row[9],
        last_ping_ms=row[10],
    )


async def live_of_agent(engine: Engine, agent_id: str, since_ms: int) -> dict[str, list[str]]:
    """Process ids by instance id that this agent has pinged since then."""
    rows = await engine.query(LIVE_OF_AGENT, {"agent": agent_id, "since": since_ms})
    return {row[0]: row[1] for row in rows}


async def last_pings(engine: Engine, instance_ids: Sequence[str]) -> dict[str, int]:
    """When an agent last spoke of each of these instances, of those that one ever spoke of."""
    rows = await engine.query(LAST_PINGS, {"instances": list(instance_ids)})
    return {row[0]: row[1] for row in rows}
