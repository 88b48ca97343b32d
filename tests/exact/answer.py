"""
What podwire says: every drain of a case, added up by process and role.

In: flows.  Out: numbers of one end.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from podwire.model.flow import Flow, Role


@dataclass(frozen=True)
class End:
    """The flows of one end of a connection."""

    flows: Sequence[Flow]

    def sum(self, operation: str, what: str = "count") -> int:
        """One number of an operation."""
        return sum(
            getattr(flow.operations[operation], what)
            for flow in self.flows
            if operation in flow.operations
        )

    def http(self, what: str) -> int:
        """One number of the HTTP messages."""
        return sum(getattr(flow.http, what) for flow in self.flows if flow.http)

    @property
    def statuses(self) -> dict[int, int]:
        """Responses by status."""
        found: Counter[int] = Counter()
        for flow in self.flows:
            if flow.http:
                found.update(flow.http.responses)
        return dict(sorted(found.items()))

    @property
    def calls(self) -> tuple[int, int]:
        """Calls that read and that wrote."""
        return self.sum("read"), self.sum("write")

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes that were read and written."""
        return self.sum("read", "bytes"), self.sum("write", "bytes")

    @property
    def messages(self) -> tuple[int, int]:
        """Bytes of requests and of responses."""
        return self.http("request_bytes"), self.http("response_bytes")

    @property
    def opened_closed(self) -> tuple[int, int]:
        """Connections that were opened and that were closed."""
        return self.sum("connect"), self.sum("close")

    @property
    def failures(self) -> dict[int, int]:
        """Connects that failed, by errno."""
        found: Counter[int] = Counter()
        for flow in self.flows:
            found.update(flow.failures)
        return dict(sorted(found.items()))

    def tcp(self, what: str) -> int:
        """One number of TCP's own."""
        return sum(getattr(flow.tcp, what) for flow in self.flows)

    @property
    def peers(self) -> set[str]:
        return {flow.key.peer.address for flow in self.flows}


def end(flows: Sequence[Flow], pids: Collection[int], role: Role) -> End:
    """What these processes did in that role."""
    return End([flow for flow in flows if flow.key.pid in pids and flow.key.role is role])
