"""
A recorded request with its response: what a sampling rule may pick.

In: the payload recorder of the kernel's side.  Out: the agent, which decides, redacts and reports.
"""

from dataclasses import dataclass

from podwire.model.flow import FlowKey


@dataclass(frozen=True, slots=True)
class RecordPolicy:
    """What may be picked of one process, and how much of it is recorded."""

    least_ms: int | None = None
    """None: nothing is picked for being slow."""

    when_4xx: bool = False
    when_5xx: bool = False
    request_limit: int | None = None
    """Bytes of a request that are recorded; None: all."""

    response_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """One HTTP message as it crossed the socket, plaintext; times in ns since the epoch."""

    data: bytes
    """From the first byte on; shorter than `size` where it was cut or could not be read."""

    size: int
    start_ns: int
    end_ns: int

    @property
    def missing(self) -> int:
        """Bytes of the message that were not recorded."""
        return max(0, self.size - len(self.data))


@dataclass(frozen=True, slots=True)
class SystemCall:
    """One call that moved some of a message; times in ns since the epoch."""

    name: str
    """As the wire spells it, such as `Write` or `Recvfrom`."""

    is_request: bool
    start_ns: int
    end_ns: int
    bytes: int
    rtt_us: int = 0
    """The socket's smoothed round trip after the call; 0: none yet."""

    segments: int = 0
    """TCP segments with data that crossed this way since the call before; 0: nobody knows."""


@dataclass(frozen=True, slots=True)
class Device:
    """A network interface, as the process's own network namespace calls it."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response, seen at one end of a connection."""

    key: FlowKey
    status: int
    request: Recording
    response: Recording
    calls: tuple[SystemCall, ...] = ()
    device: Device | None = None
    """Where the connection's packets leave; None while it has no route."""

    @property
    def duration_ms(self) -> int:
        """From the request's first byte to the response's last, rounded down."""
        return max(0, self.response.end_ns - self.request.start_ns) // 1_000_000
