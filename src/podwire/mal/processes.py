"""
Processes that nobody reported: the other ends of edges, known by an address or not at all.

In: the reporter's service and instance, an address, and who knows names.  Out: process ids.
"""

from collections.abc import Callable

from podwire.mal.names import NoPods, PeerNames, PodServices
from podwire.model import identity
from podwire.model.process import UNKNOWN_LOCAL, UNKNOWN_REMOTE, Entity


class AddressError(Exception):
    """There is no address to name."""


class Processes:
    """Virtual processes by id; each belongs to the service and instance of its reporter."""

    def __init__(self, names: PeerNames, pods: PodServices | None = None) -> None:
        self._names = names
        self._pods = pods or NoPods()
        self._epoch = names.epoch
        self._services: dict[tuple[str, str], str | None] = {}
        self._answers: dict[str, str | None] = {}
        self._virtual: dict[str, Entity] = {}
        self._facts: dict[str, tuple[tuple[str, str], ...]] = {}

    def entity_or_none(self, process_id: str) -> Entity | None:
        """The virtual process of an id; None for a process that reports itself."""
        return self._virtual.get(process_id)

    def facts_of(self, process_id: str) -> tuple[tuple[str, str], ...]:
        """What the cluster says of a virtual process beside its name."""
        return self._facts.get(process_id, ())

    def local(self, service: str | None, instance: str | None) -> str:
        """The process for peers on the reporter's own host."""
        return self.named(service, instance, UNKNOWN_LOCAL)

    def remote(self, service: str | None, instance: str | None, address: str | None) -> str:
        """The process behind `ip:port`, which is cut at the last colon."""
        if not address:
            raise AddressError
        host = address.rpartition(":")[0] or address
        if host not in self._answers:
            self._answers[host] = self._names.name_of(host)
        name = self._answers[host]
        process_id = self.named(service, instance, name or UNKNOWN_REMOTE)
        if name:
            self._facts[process_id] = self._names.facts_of(host)
        return process_id

    def named(self, service: str | None, instance: str | None, name: str | None) -> str:
        """The process of this name."""
        entity = Entity(
            layer="", service=service or "", instance=instance or "", process=name or ""
        )
        process_id = identity.entity_process_id(entity)
        self._virtual[process_id] = entity
        return process_id

    def service_of(self, pod: str, namespace: str) -> str:
        """`<service>.<namespace>` of a pod; empty when unknown."""
        key = pod, namespace
        if key not in self._services:
            self._services[key] = self._pods.service_of(pod, namespace)
        return self._services[key] or ""

    def renamed(self) -> bool:
        """Whether any address or pod is called otherwise than when it was asked for."""
        if self._epoch == self._names.epoch and not self._services:
            return False
        self._epoch = self._names.epoch
        return any(
            self._names.name_of(host) != name for host, name in self._answers.items()
        ) or any(self._pods.service_of(*pod) != name for pod, name in self._services.items())

    def clear(self) -> None:
        self._services.clear()
        self._answers.clear()
        self._virtual.clear()
        self._facts.clear()


class Mocked(Processes):
    """The world of a rule's test: one process, and a service for every pod."""

    def named(self, service: str | None, instance: str | None, name: str | None) -> str:
        del service, instance, name
        return "mock-process-id"

    def remote(self, service: str | None, instance: str | None, address: str | None) -> str:
        del address
        return self.named(service, instance, None)

    def service_of(self, pod: str, namespace: str) -> str:
        return f"{pod}.{namespace}"


INVOCATIONS: dict[tuple[str, str], tuple[int, Callable[..., str]]] = {
    ("ProcessRegistry", "generateVirtualLocalProcess"): (2, lambda known, *of: known.local(*of)),
    ("ProcessRegistry", "generateVirtualProcess"): (3, lambda known, *of: known.named(*of)),
    ("ProcessRegistry", "generateVirtualRemoteProcess"): (3, lambda known, *of: known.remote(*of)),
}
"""What a closure may call, with the number of its arguments."""
