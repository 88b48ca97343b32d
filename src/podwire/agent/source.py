"""The agent's view of the kernel: a seam, so that tests can play one."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from podwire.model.exchange import Exchange, RecordPolicy
from podwire.model.flow import Flow, Listener
from podwire.model.tls import Library


class FlowSource(Protocol):
    """Measures the sockets of some processes; `capture.Kernel` is the real one."""

    def watch(self, pids: Collection[int]) -> None:
        """
        Measure exactly these processes from now on; none detaches every measuring program.

        Raises `Unmeasured` when it cannot: then nobody is measured until the next call.

        Children that a watched process forks are watched too until the next call. Sockets that
        are open already are taken in.
        """

    def drain(self) -> Sequence[Flow]:
        """The increase of every flow that changed since the last drain; raises `Unmeasured`."""

    def record(self, policies: Mapping[int, RecordPolicy]) -> None:
        """Record the HTTP exchanges of these processes from now on, by pid, and of nobody else."""

    def exchanges(self) -> Sequence[Exchange]:
        """Those that a policy picked since the last call."""

    def listeners(self) -> Sequence[Listener]:
        """Sockets of these processes that had no room for a connection since the last call."""

    def libraries(self) -> Mapping[int, Sequence[Library]]:
        """What these processes have of TLS, by pid; those not looked into yet are not there."""

    def losses(self) -> Mapping[str, int]:
        """What could not be counted, by reason, since the source was opened."""

    def close(self) -> None:
        """Detach and free everything; closing twice is fine."""
