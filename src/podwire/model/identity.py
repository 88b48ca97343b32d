"""
Ids as SkyWalking spells them, to the byte (IDManager; contract 4.6).

>>> service_id("service")
'c2VydmljZQ==.1'
>>> instance_id(service_id("service"), "test-instance")
'c2VydmljZQ==.1_dGVzdC1pbnN0YW5jZQ=='
"""

import base64
import binascii
import hashlib

from podwire.model.process import Entity


def _encode(name: str) -> str:
    return base64.b64encode(name.encode()).decode()


def _decode(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"not a base64 name: {text!r}") from error


def service_id(name: str, *, normal: bool = True) -> str:
    """Base64 of the name, then `.1` for a real and `.0` for a conjectured service."""
    return f"{_encode(name or '_blank')}.{int(normal)}"


def instance_id(service: str, name: str) -> str:
    """`service` is a service id, `name` the instance's plain name."""
    return f"{service}_{_encode(name)}"


def endpoint_id(service: str, name: str) -> str:
    """`service` is a service id, `name` the endpoint's plain name."""
    return f"{service}_{_encode(name)}"


def process_id(instance: str, name: str) -> str:
    """`instance` is an instance id, `name` the process's plain name; hex SHA-256."""
    return hashlib.sha256(f"{name}_{instance}".encode()).hexdigest()


def relation_id(source: str, target: str) -> str:
    """The id of a directed pair of services, instances or processes."""
    return f"{source}-{target}"


def split_service_id(identity: str) -> tuple[str, bool]:
    """The plain name and whether it is a real service; ValueError for anything else."""
    encoded, dot, normal = identity.rpartition(".")
    if not dot or normal not in ("0", "1"):
        raise ValueError(f"not a service id: {identity!r}")
    return _decode(encoded), normal == "1"


def split_instance_id(identity: str) -> tuple[str, str]:
    """The service id and the instance's plain name; ValueError for anything else."""
    service, underscore, encoded = identity.partition("_")
    if not underscore:
        raise ValueError(f"not an instance id: {identity!r}")
    split_service_id(service)
    return service, _decode(encoded)


def owner_of(instance: str) -> str:
    """
    The service id at the start of an instance id, which is not checked.

    >>> owner_of("c2VydmljZQ==.1_dGVzdC1pbnN0YW5jZQ==")
    'c2VydmljZQ==.1'
    """
    return instance.partition("_")[0]


def split_endpoint_id(identity: str) -> tuple[str, str]:
    """The service id and the endpoint's plain name; ValueError for anything else."""
    return split_instance_id(identity)


def entity_process_id(entity: Entity) -> str:
    """The process id of an entity."""
    return process_id(entity_instance_id(entity), entity.process)


def entity_instance_id(entity: Entity) -> str:
    """The instance id of an entity."""
    return instance_id(service_id(entity.service), entity.instance)
