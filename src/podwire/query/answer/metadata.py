"""Services, instances and processes."""

from collections.abc import Mapping
from typing import Any

from ariadne import QueryType

from podwire.model.identity import (
    instance_id,
    service_id,
)
from podwire.model.topology import Instance, Service, StoredProcess
from podwire.query.context import Info, source_of
from podwire.query.duration import buckets

query = QueryType()

Shape = dict[str, Any]


@query.field("listLayers")
async def list_layers(_: object, info: Info) -> list[str]:
    services = await source_of(info).services()
    return sorted({layer for service in services for layer in service.layers})


@query.field("listServices")
async def list_services(_: object, info: Info, layer: str | None = None) -> list[Shape]:
    services = await source_of(info).services()
    return [_service(each) for each in services if not layer or layer in each.layers]


@query.field("getAllServices")
async def get_all_services(
    _: object, info: Info, duration: Mapping[str, Any], group: str | None = None
) -> list[Shape]:
    shapes = [_service(each) for each in await source_of(info).services()]
    return [shape for shape in shapes if not group or shape["group"] == group]


@query.field("searchServices")
async def search_services(
    _: object, info: Info, duration: Mapping[str, Any], keyword: str
) -> list[Shape]:
    services = await source_of(info).services()
    return [_service(each) for each in services if keyword in each.name]


@query.field("getService")
async def get_service(_: object, info: Info, serviceId: str) -> Shape | None:
    found = [each for each in await source_of(info).services() if each.service_id == serviceId]
    return _service(found[0]) if found else None


@query.field("findService")
async def find_service(_: object, info: Info, serviceName: str) -> Shape | None:
    return await _named(info, serviceName)


@query.field("searchService")
async def search_service(_: object, info: Info, serviceCode: str) -> Shape | None:
    return await _named(info, serviceCode)


async def _named(info: Info, name: str) -> Shape | None:
    found = [each for each in await source_of(info).services() if each.name == name]
    return _service(found[0]) if found else None


@query.field("listInstances")
@query.field("getServiceInstances")
async def list_instances(
    _: object,
    info: Info,
    duration: Mapping[str, Any],
    serviceId: str,
) -> list[Shape]:
    return await _instances(info, serviceId, duration)


@query.field("listInstancesByName")
async def list_instances_by_name(
    _: object,
    info: Info,
    duration: Mapping[str, Any],
    service: Mapping[str, Any],
) -> list[Shape]:
    return await _instances(info, service_id(service["serviceName"]), duration)


async def _instances(info: Info, service: str, duration: Mapping[str, Any]) -> list[Shape]:
    """Those that were heard of in a stretch of time, compared as instants."""
    times = buckets(duration)
    found = await source_of(info).instances(service) if service else ()
    return [
        _instance(each)
        for each in found
        if each.last_ping_ms >= times.starts_s[0] * 1000 and each.first_ping_ms < times.end_s * 1000
    ]


@query.field("getInstance")
async def get_instance(_: object, info: Info, instanceId: str) -> Shape | None:
    found = [e for e in await source_of(info).instances() if e.instance_id == instanceId]
    return _instance(found[0]) if found else None


@query.field("listProcesses")
async def list_processes(
    _: object,
    info: Info,
    duration: Mapping[str, Any],
    instanceId: str,
) -> list[Shape]:
    times = buckets(duration)
    if not instanceId:
        return []
    found = await source_of(info).processes(
        instance_id=instanceId,
        since_ms=times.starts_s[0] * 1000,
        until_ms=times.end_s * 1000 - 1,
    )
    return [_process(each) for each in found]


@query.field("getProcess")
async def get_process(_: object, info: Info, processId: str) -> Shape | None:
    found = await source_of(info).processes(ids=[processId])
    return _process(found[0]) if found else None


def _service(service: Service) -> Shape:
    group, separator, short_name = service.name.partition("::")
    return {
        "id": service.service_id,
        "name": service.name,
        "group": group if separator else "",
        "shortName": short_name if separator else service.name,
        "layers": service.layers,
        "normal": True,
    }


def _instance(instance: Instance) -> Shape:
    return {
        "id": instance.instance_id,
        "name": instance.name,
        "attributes": [],
        "language": "UNKNOWN",
        "instanceUUID": instance.instance_id,
    }


def _process(process: StoredProcess) -> Shape:
    entity = process.entity
    service = service_id(entity.service)
    return {
        "id": process.process_id,
        "name": entity.process,
        "serviceId": service,
        "serviceName": entity.service,
        "instanceId": instance_id(service, entity.instance),
        "instanceName": entity.instance,
        "agentId": process.agent_id,
        "detectType": process.detect_type.name,
        "attributes": [{"name": k, "value": v} for k, v in sorted(process.properties.items())],
        "labels": entity.labels,
    }
