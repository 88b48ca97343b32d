"""What an edge of the topology is made of: the wire's component ids and names (contract 4.7)."""

from enum import IntEnum


class Component(IntEnum):
    """Component ids that network profiling uses; the value is the wire's number."""

    UNKNOWN = 0
    HTTP = 49
    TCP = 110
    HTTPS = 129
    TLS = 130

    @property
    def title(self) -> str:
        """The name queries answer with."""
        return "Unknown" if self is Component.UNKNOWN else self.name.lower()
