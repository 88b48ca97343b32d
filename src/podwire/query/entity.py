"""
Names become ids: whose metric is asked for.

In: an `Entity` input and a metric's scope; the scope in the input is not looked at, as in
SkyWalking.  Out: the id that storage keeps the metric under, or None when a name is missing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from podwire.model.identity import (
    endpoint_id,
    instance_id,
    process_id,
    relation_id,
    service_id,
)
from podwire.model.metric import Scope

Input = Mapping[str, Any]

SERVICE = ("serviceName", "normal")
INSTANCE = (*SERVICE, "serviceInstanceName")
ENDPOINT = (*SERVICE, "endpointName")
PROCESS = (*INSTANCE, "processName")


def entity_id(scope: Scope, entity: Input) -> str | None:
    """The id, unless a name that the scope needs is null."""
    one, is_relation = SCOPES[scope]
    if not is_relation:
        return one(entity)
    source, target = one(entity), one(_other_end(entity))
    return None if source is None or target is None else relation_id(source, target)


def _other_end(entity: Input) -> Input:
    """The names of the end that is called."""
    return {
        key[len("dest")].lower() + key[len("dest") + 1 :]: value
        for key, value in entity.items()
        if key.startswith("dest")
    }


def _has(entity: Input, names: tuple[str, ...]) -> bool:
    return all(entity.get(name) is not None for name in names)


def service_of(entity: Input) -> str | None:
    """The service's id."""
    if not _has(entity, SERVICE):
        return None
    return service_id(entity["serviceName"], normal=entity["normal"])


def _instance(entity: Input) -> str | None:
    service = service_of(entity)
    if service is None or not _has(entity, INSTANCE):
        return None
    return instance_id(service, entity["serviceInstanceName"])


def _endpoint(entity: Input) -> str | None:
    service = service_of(entity)
    if service is None or not _has(entity, ENDPOINT):
        return None
    return endpoint_id(service, entity["endpointName"])


def _process(entity: Input) -> str | None:
    instance = _instance(entity)
    if instance is None or not _has(entity, PROCESS):
        return None
    return process_id(instance, entity["processName"])


SCOPES: Mapping[Scope, tuple[Callable[[Input], str | None], bool]] = {
    Scope.SERVICE: (service_of, False),
    Scope.SERVICE_INSTANCE: (_instance, False),
    Scope.ENDPOINT: (_endpoint, False),
    Scope.PROCESS: (_process, False),
    Scope.SERVICE_RELATION: (service_of, True),
    Scope.SERVICE_INSTANCE_RELATION: (_instance, True),
    Scope.PROCESS_RELATION: (_process, True),
}
"""How the id of each scope is made, and whether it is made of two."""
