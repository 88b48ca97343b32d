"""What MAL asks of the outside world: who is behind an address."""

from typing import Protocol


class PeerNames(Protocol):
    """Names addresses; `kube` answers from the API server."""

    @property
    def epoch(self) -> int:
        """Grows whenever an address may be called otherwise than before; else none has changed."""

    def name_of(self, address: str) -> str | None:
        """`<pod>.<namespace>` or `<service>.<namespace>` for an IP in text; None when unknown."""
