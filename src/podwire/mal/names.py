"""What MAL asks of the outside world: who is behind an address."""

from typing import Protocol


class PeerNames(Protocol):
    """Names addresses; `kube` answers from the API server."""

    @property
    def epoch(self) -> int:
        """Grows whenever an address may be called otherwise than before; else none has changed."""

    def name_of(self, address: str) -> str | None:
        """`<pod>.<namespace>` or `<service>.<namespace>` for an IP in text; None when unknown."""

    def facts_of(self, address: str) -> tuple[tuple[str, str], ...]:
        """What else is known of who has an address, by name: namespace, workload, node."""


class PodServices(Protocol):
    """Says which service a pod is of; `kube` answers from the API server."""

    def service_of(self, pod: str, namespace: str) -> str | None:
        """`<service>.<namespace>` of the first whose selector is the pod's; None when unknown."""


class NoPods:
    """Outside a cluster no pod is of any service."""

    def service_of(self, pod: str, namespace: str) -> str | None:
        """None, whatever the pod."""
        del pod, namespace
        return None
