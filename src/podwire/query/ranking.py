"""
Who has the most or the least of a metric.

In: a metric, a time, an order.  Out: entities with their names and owners, the first first. The
value of an entity is the average of its buckets that have one, cut to a whole number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from podwire.model.identity import (
    split_endpoint_id,
    split_instance_id,
    split_service_id,
)
from podwire.model.metric import Metric, Scope
from podwire.query.context import Context
from podwire.query.duration import Buckets
from podwire.query.mqe.tree import Attribute

Owner = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ranked:
    """An entity in a list."""

    id: str
    name: str
    value: int
    owner: Owner


async def ranked(
    context: Context,
    metric: Metric,
    times: Buckets,
    *,
    limit: int,
    order: str,
    service: str | None = None,
    attributes: Sequence[Attribute] = (),
) -> list[Ranked]:
    """The first of all entities of a metric, or of those of a service or a layer."""
    within = await _within(context, service, attributes)
    if within == []:
        return []
    found = await context.source.top(
        metric, times.starts_s, times.end_s, limit=limit, ascending=order == "asc", within=within
    )
    described = await _described(context, metric.scope, [identity for identity, _ in found])
    return [
        Ranked(identity, name, value, owner)
        for identity, value in found
        for name, owner in (described[identity],)
    ]


async def _within(
    context: Context, service: str | None, attributes: Sequence[Attribute]
) -> list[str] | None:
    """
    Ids of services that are looked at; None: all of them.

    `attr0` is a service's layer, as in SkyWalking's own metrics; nothing here has other attributes,
    so that to want one leaves nobody.
    """
    if not attributes:
        return None if service is None else [service]
    services = await context.source.services()
    kept = [
        each.service_id
        for each in services
        if all(_matches(attribute, each.layers) for attribute in attributes)
    ]
    return [each for each in kept if service in (None, each)]


def _matches(attribute: Attribute, layers: Sequence[str]) -> bool:
    is_there = attribute.name == "attr0" and attribute.value in layers
    return is_there == attribute.is_equal


Described = Mapping[str, tuple[str, Owner]]


async def _described(context: Context, scope: Scope, ids: Sequence[str]) -> Described:
    """The name and the owner of each id."""
    if scope in NAMES:
        return {identity: NAMES[scope](identity) for identity in ids}
    names = await _end_names(context, scope, ids)
    return {
        identity: (
            " - ".join(names.get(end, "Unknown") for end in identity.split("-")),
            {"scope": GRAPHQL_SCOPES[scope]},
        )
        for identity in ids
    }


async def _end_names(context: Context, scope: Scope, ids: Sequence[str]) -> Mapping[str, str]:
    """The name of each end of a relation, or of each process."""
    ends = sorted({end for identity in ids for end in identity.split("-")})
    if scope in ENDS:
        return {end: ENDS[scope](end)[0] for end in ends}
    processes = await context.source.processes(ids=ends) if ends else ()
    return {each.process_id: each.entity.process for each in processes}


def _service(identity: str) -> tuple[str, Owner]:
    name, normal = split_service_id(identity)
    return name, {
        "scope": "Service",
        "serviceID": identity,
        "serviceName": name,
        "normal": normal,
    }


def _instance(identity: str) -> tuple[str, Owner]:
    service, name = split_instance_id(identity)
    owner = {"scope": "ServiceInstance", "serviceInstanceID": identity, "serviceInstanceName": name}
    return name, {**_service(service)[1], **owner}


def _endpoint(identity: str) -> tuple[str, Owner]:
    service, name = split_endpoint_id(identity)
    owner = {"scope": "Endpoint", "endpointID": identity, "endpointName": name}
    return name, {**_service(service)[1], **owner}


NAMES: Mapping[Scope, Callable[[str], tuple[str, Owner]]] = {
    Scope.SERVICE: _service,
    Scope.SERVICE_INSTANCE: _instance,
    Scope.ENDPOINT: _endpoint,
}
ENDS = {
    Scope.SERVICE_RELATION: _service,
    Scope.SERVICE_INSTANCE_RELATION: _instance,
}
GRAPHQL_SCOPES = {
    scope: "".join(part.capitalize() for part in scope.value.split("_")) for scope in Scope
}
"""`PROCESS_RELATION` is `ProcessRelation` in GraphQL."""
