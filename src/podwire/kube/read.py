"""
Objects of the API become values: only what names need is kept.

In: one decoded JSON object, trusted in nothing.  Out: a value of `model.cluster`, or None when it
lacks what makes it an object. Texts that many objects share are kept once.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from podwire.model.cluster import Container, Labels, Node, Pod, Service, Slice, Workload

ENDED = ("Succeeded", "Failed")
STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
HASH_LABEL = "pod-template-hash"
SERVICE_LABEL = "kubernetes.io/service-name"


def pod(content: Any) -> Pod | None:
    """A pod; what its status does not say yet is empty."""
    head = _head(content)
    if head is None:
        return None
    uid, version, namespace, name = head
    labels = _labels(content)
    return Pod(
        uid,
        version,
        namespace,
        name,
        node=sys.intern(text(content, "spec", "nodeName")),
        addresses=_pod_addresses(content),
        on_host_network=_at(content, "spec", "hostNetwork") is True,
        has_ended=text(content, "status", "phase") in ENDED,
        started=text(content, "status", "startTime"),
        labels=labels,
        workload=_workload(content, dict(labels).get(HASH_LABEL, "")),
    )


def pod_with_containers(content: Any) -> Pod | None:
    """A pod with its containers: an agent needs them, the backend does not."""
    found = pod(content)
    if found is None:
        return None
    return replace(found, containers=_containers(content))


def service(content: Any) -> Service | None:
    """A service with its selector and addresses."""
    head = _head(content)
    if head is None:
        return None
    several = texts(content, "spec", "clusterIPs") or (text(content, "spec", "clusterIP"),)
    balancers = items(content, "status", "loadBalancer", "ingress")
    addresses = (*several, *(text(each, "ip") for each in balancers))
    selector = _at(content, "spec", "selector")
    return Service(
        *head,
        selector=frozenset(_pairs(selector)),
        addresses=tuple(each for each in addresses if each not in ("", "None")),
    )


def node(content: Any) -> Node | None:
    """A node with every address it is reached at."""
    head = _head(content)
    if head is None:
        return None
    found = items(content, "status", "addresses")
    addresses = (text(each, "address") for each in found if text(each, "type").endswith("IP"))
    return Node(*head, addresses=tuple(each for each in addresses if each))


def endpoint_slice(content: Any) -> Slice | None:
    """The endpoints of a slice that no pod stands behind."""
    head = _head(content)
    if head is None:
        return None
    outside = (
        address
        for endpoint in items(content, "endpoints")
        if text(endpoint, "targetRef", "kind") != "Pod"
        for address in texts(endpoint, "addresses")
    )
    owner = text(content, "metadata", "labels", SERVICE_LABEL)
    return Slice(*head, service=owner, addresses=tuple(outside))


def text(content: Any, *path: str) -> str:
    """
    The text at a place; empty when there is none.

    >>> text({"metadata": {"name": "web"}}, "metadata", "name")
    'web'
    >>> text({"metadata": None}, "metadata", "name")
    ''
    """
    found = _at(content, *path)
    return found if isinstance(found, str) else ""


def items(content: Any, *path: str) -> Sequence[Mapping[str, Any]]:
    """The mappings in the list at a place."""
    found = _at(content, *path)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def texts(content: Any, *path: str) -> tuple[str, ...]:
    """The texts in the list at a place."""
    found = _at(content, *path)
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()


def version_of(content: Any) -> int:
    """
    An object's resource version; 0 when it is not a number.

    >>> version_of({"metadata": {"resourceVersion": "227"}})
    227
    """
    found = text(content, "metadata", "resourceVersion")
    return int(found) if found.isascii() and found.isdigit() else 0


def _at(content: Any, *path: str) -> Any:
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _head(content: Any) -> tuple[str, int, str, str] | None:
    uid, name = text(content, "metadata", "uid"), text(content, "metadata", "name")
    if not uid or not name:
        return None
    return uid, version_of(content), sys.intern(text(content, "metadata", "namespace")), name


def _pairs(found: Any) -> Iterator[tuple[str, str]]:
    if isinstance(found, dict):
        for key, value in found.items():
            if isinstance(key, str) and isinstance(value, str):
                yield sys.intern(key), sys.intern(value)


def _labels(content: Any) -> Labels:
    return tuple(_pairs(_at(content, "metadata", "labels")))


def _pod_addresses(content: Any) -> tuple[str, ...]:
    several = tuple(text(each, "ip") for each in items(content, "status", "podIPs"))
    return tuple(each for each in several or (text(content, "status", "podIP"),) if each)


def _workload(content: Any, template_hash: str) -> Workload | None:
    """
    The controller; a Deployment's ReplicaSet is called after it and the template's hash.

    The hash label is the Deployment controller's own, so that no ReplicaSet has to be read.
    """
    owners = items(content, "metadata", "ownerReferences")
    owner = next((each for each in owners if each.get("controller") is True), None)
    if owner is None:
        return None
    kind, name = text(owner, "kind"), text(owner, "name")
    stem = name.removesuffix(f"-{template_hash}") if template_hash else name
    if kind == "ReplicaSet" and stem != name:
        kind, name = "Deployment", stem
    return Workload(sys.intern(kind), sys.intern(name))


def _containers(content: Any) -> tuple[Container, ...]:
    ids = {
        text(status, "name"): text(status, "containerID").rpartition("://")[2]
        for kind in STATUSES
        for status in items(content, "status", kind)
    }
    names = [text(each, "name") for kind in CONTAINERS for each in items(content, "spec", kind)]
    every = dict.fromkeys([*names, *ids])
    return tuple(Container(sys.intern(name), ids.get(name, "")) for name in every if name)
