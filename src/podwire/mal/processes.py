"""
Processes that nobody reported: the other ends of edges, known by an address or not at all.

In: the reporter's service and instance, an address, and who knows names.  Out: process ids.
"""

from collections.abc import Callable

from podwire.mal.names import PeerNames
from podwire.model import identity
from podwire.model.process import UNKNOWN_LOCAL, UNKNOWN_REMOTE, Entity


class AddressError(Exception):
    """There is no address to name."""


class Processes:
    """Virtual processes by id; each belongs to the service and instance of its reporter."""

    def __init__(self, names: PeerNames) -> None:
        self._names = names
        self._answers: dict[str, str | None] = {}
        self._virtual: dict[str, Entity] = {}

    def entity_or_none(self, process_id: str) -> Entity | None:
        """The virtual process of an id; None for a process that reports itself."""
        return self._virtual.get(process_id)

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
        return self.named(service, instance, self._answers[host] or UNKNOWN_REMOTE)

    def named(self, service: str | None, instance: str | None, name: str | None) -> str:
        """The process of this name."""
        entity = Entity(
            layer="", service=service or "", instance=instance or "", process=name or ""
        )
        process_id = identity.entity_process_id(entity)
        self._virtual[process_id] = entity
        return process_id

    def renamed(self) -> bool:
        """Whether any address is called otherwise than when it was asked for."""
        return any(self._names.name_of(host) != name for host, name in self._answers.items())

    def clear(self) -> None:
        self._answers.clear()
        self._virtual.clear()


INVOCATIONS: dict[tuple[str, str], tuple[int, Callable[..., str]]] = {
    ("ProcessRegistry", "generateVirtualLocalProcess"): (2, Processes.local),
    ("ProcessRegistry", "generateVirtualProcess"): (3, Processes.named),
    ("ProcessRegistry", "generateVirtualRemoteProcess"): (3, Processes.remote),
}
"""What a closure may call, with the number of its arguments."""
