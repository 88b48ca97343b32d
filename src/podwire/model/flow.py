"""
What one process and one peer said to each other between two drains.

In: kernel counters, decoded by `capture`.  Out: the agent, which names both ends.
Every number is the increase since the previous drain, never a running total.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Role(IntEnum):
    """Which end of the connection the process holds; the numbers are shared with `bpf/flow.h`."""

    UNKNOWN = 0
    CLIENT = 1
    SERVER = 2


class Protocol(IntEnum):
    """What the first bytes said; the numbers are shared with `bpf/flow.h`."""

    UNKNOWN = 0
    HTTP1 = 1
    HTTP2 = 2


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a flow."""

    address: str
    """IP address in text; IPv4-mapped IPv6 is shown as IPv4, IPv6 without brackets."""

    port: int
    """The server's port on a client's flow; 0 on a server's flow, whose peers use a port a time."""

    pid: int = 0
    """The monitored process at the other end on this host, 0 when there is none."""


@dataclass(frozen=True, slots=True)
class FlowKey:
    """Counters are kept apart by this (design: process, peer, role, protocol, TLS)."""

    pid: int
    local_address: str
    peer: Peer
    role: Role
    protocol: Protocol
    tls: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of socket operation: write, read, rtt, connect (accept), close, retransmit, drop."""

    count: int = 0
    bytes: int = 0
    time: int = 0
    """Summed execution time in ns; for rtt the summed smoothed RTT in microseconds."""

    buckets: tuple[int, ...] = ()
    """Counts for `bounds.L4_NS` (for rtt: `bounds.L4_US`); empty where no histogram is kept."""


@dataclass(frozen=True, slots=True)
class Http:
    """HTTP/1.x messages whose end was seen; sizes in bytes of head and body as on the socket."""

    requests: int = 0
    request_bytes: int = 0
    request_size_buckets: tuple[int, ...] = ()
    """Counts for `bounds.HTTP_BYTES`."""

    responses: Mapping[int, int] = field(default_factory=dict)
    """Final responses by status code."""

    response_bytes: int = 0
    response_size_buckets: tuple[int, ...] = ()
    duration_ns: int = 0
    """Summed time from the start of each request to the end of its response."""

    duration_buckets: tuple[int, ...] = ()
    """Counts for `bounds.HTTP_MS`."""

    unanswered: int = 0
    """Complete requests whose connection ended before a response did."""

    unpaired: Mapping[int, int] = field(default_factory=dict)
    """Responses by status whose request was not seen; they are in no other number."""


@dataclass(frozen=True, slots=True)
class Tcp:
    """What TCP itself says of the connections of a flow; times in ns."""

    handshake_retransmits: int = 0
    """SYN and SYN-ACK segments sent again; retransmits include them."""

    resets_sent: int = 0
    resets_received: int = 0
    bytes_acked: int = 0
    bytes_received: int = 0
    segments_out: int = 0
    segments_in: int = 0
    delivered: int = 0
    busy_ns: int = 0
    """Time with something to send;"""

    rwnd_limited_ns: int = 0
    """of it waiting for the peer's window,"""

    sndbuf_limited_ns: int = 0
    """of it waiting for room in the own send buffer."""

    uncalled_written: int = 0
    """Bytes that crossed without a call that is seen (io_uring, 32-bit calls), at the end."""

    uncalled_read: int = 0


@dataclass(frozen=True, slots=True)
class Tls:
    """Connections of a flow that speak TLS, each counted once."""

    connections: int = 0
    readable: int = 0
    """Of them, those whose plaintext was seen: each once, perhaps in a later drain."""


OPERATIONS = ("write", "read", "rtt", "connect", "close", "retransmit", "drop")
"""The operations of a flow, by the stem that names them at every station."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The increase of one flow between two drains."""

    key: FlowKey
    operations: Mapping[str, Operation]
    """By a name of `OPERATIONS`; an operation that did not happen is absent."""

    http: Http | None = None
    tcp: Tcp = Tcp()
    failures: Mapping[int, int] = field(default_factory=dict)
    """Connects that failed, by errno; 0 when the program gave up."""

    drops: Mapping[str, int] = field(default_factory=dict)
    """Dropped packets by the kernel's name of the reason."""

    tls: Tls = Tls()


class Unmeasured(RuntimeError):
    """Nothing can be measured just now; the message names what is missing and what gives it."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that accepts, and how often it had no room since the last drain."""

    pid: int
    port: int
    overflows: int
