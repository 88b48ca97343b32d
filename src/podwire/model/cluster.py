"""What a cluster says of itself, as far as names need it: pods, services, nodes."""

from collections.abc import Iterable
from dataclasses import dataclass

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """What every object of a cluster has; `version` orders the states of one object."""

    uid: str
    version: int
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod, whatever its kind."""

    name: str
    container_id: str
    """Without the runtime's prefix; empty until the runtime has made it."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What made a pod: its controller, seen through a ReplicaSet to the Deployment."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod(Thing):
    """A pod as the API server last told."""

    node: str = ""
    addresses: tuple[str, ...] = ()
    on_host_network: bool = False
    """Its addresses are the node's: they do not name it."""

    has_ended: bool = False
    """Its addresses are free again, though it is still listed."""

    started: str = ""
    """RFC 3339 in UTC: later is greater."""

    labels: Labels = ()
    workload: Workload | None = None
    containers: tuple[Container, ...] = ()
    """Init and ephemeral ones included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Thing):
    """A service: which pods it stands for, and where it is reached."""

    selector: frozenset[tuple[str, str]] = frozenset()
    """Empty: it stands for no pods."""

    addresses: tuple[str, ...] = ()
    """Cluster addresses and those of its load balancer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node(Thing):
    """A machine of the cluster."""

    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Thing):
    """Endpoints of a service that are no pods: what a service without selector points at."""

    service: str = ""
    addresses: tuple[str, ...] = ()


def service_name(pod: Pod, services: Iterable[Service]) -> str:
    """
    The service that a pod reports as: of all that select it the shortest name, then the first.

    >>> web = frozenset({("app", "web")})
    >>> services = [
    ...     Service(name, 1, "shop", name, selector=web) for name in ("web-canary", "web", "api")
    ... ]
    >>> service_name(
    ...     Pod("1", 1, "shop", "web-1", labels=(("app", "web"), ("tier", "front"))), services
    ... )
    'api'
    """
    labels = set(pod.labels)
    names = (
        service.name
        for service in services
        if service.selector and service.namespace == pod.namespace and service.selector <= labels
    )
    return min(names, key=lambda name: (len(name), name), default="")
