"""Who talks to whom in and around an instance."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from ariadne import QueryType

from podwire.model.component import Component
from podwire.model.identity import instance_id, relation_id, service_id
from podwire.model.metric import Side
from podwire.model.process import DetectType
from podwire.model.topology import Edge, StoredProcess
from podwire.query.answer.component import component_name
from podwire.query.answer.tls import ENCRYPTED, stay_unread
from podwire.query.context import Info, context_of
from podwire.query.duration import buckets

query = QueryType()

End = tuple[str, str, Side]
"""A pair, and the side of it that counted."""


@query.field("getProcessTopology")
async def get_process_topology(
    _: object,
    info: Info,
    serviceInstanceId: str,
    duration: Mapping[str, Any],
    debug: bool | None = None,
) -> dict[str, Any]:
    return await _topology(info, serviceInstanceId, duration)


@query.field("getProcessTopologyByName")
async def get_process_topology_by_name(
    _: object,
    info: Info,
    instance: Mapping[str, Any],
    duration: Mapping[str, Any],
    debug: bool | None = None,
) -> dict[str, Any]:
    identity = instance_id(service_id(instance["serviceName"]), instance["instanceName"])
    return await _topology(info, identity, duration)


async def _topology(info: Info, instance: str, duration: Mapping[str, Any]) -> dict[str, Any]:
    context, times = context_of(info), buckets(duration)
    source = context.source
    edges = await source.edges(instance, times.first_minute_s, times.last_minute_s)
    ends = sorted({end for edge in edges for end in (edge.source, edge.target)})
    processes = await source.processes(ids=ends) if ends else ()
    unread = await stay_unread(context, times, _read(edges))
    return {"nodes": [_node(each) for each in processes], "calls": calls(edges, unread)}


def _read(edges: Sequence[Edge]) -> set[tuple[str, str]]:
    """Pairs of which some TLS was read, and some was not when it was seen."""
    spoken: dict[tuple[str, str], set[int]] = {}
    for edge in edges:
        spoken.setdefault((edge.source, edge.target), set()).add(edge.component)
    return {pair for pair, found in spoken.items() if {*ENCRYPTED} <= found}


def calls(edges: Sequence[Edge], unread: Container[End] = ()) -> list[dict[str, Any]]:
    """One call a pair; every component of each side, none twice."""
    pairs: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        pairs.setdefault((edge.source, edge.target), []).append(edge)
    return [
        {
            "id": relation_id(source, target),
            "source": source,
            "target": target,
            "detectPoints": [
                side.name for side in Side if any(each.side is side for each in found)
            ],
            "sourceComponents": _components(found, (source, target, Side.CLIENT), unread),
            "targetComponents": _components(found, (source, target, Side.SERVER), unread),
        }
        for (source, target), found in pairs.items()
    ]


def _components(edges: Sequence[Edge], end: End, unread: Container[End]) -> list[str]:
    """
    What is spoken at an end.

    A connection is TLS until its first request is read, and HTTPS from then on: where both were
    seen, what is known is answered. Connections that cannot be read are TLS beside it.
    """
    *_, side = end
    found = {edge.component for edge in edges if edge.side is side}
    if Component.HTTPS in found and end not in unread:
        found.discard(Component.TLS)
    return sorted(map(component_name, found))


def _node(process: StoredProcess) -> dict[str, Any]:
    entity = process.entity
    service = service_id(entity.service)
    return {
        "id": process.process_id,
        "serviceId": service,
        "serviceName": entity.service,
        "serviceInstanceId": instance_id(service, entity.instance),
        "serviceInstanceName": entity.instance,
        "name": entity.process,
        "isReal": process.detect_type is not DetectType.VIRTUAL,
    }
