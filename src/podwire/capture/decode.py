"""
Counters become flows.

In: a slot's key, what it gained, and what it gained by reason.  Out: `model.Flow`.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from podwire.model.flow import Flow, FlowKey, Http, Operation, Peer, Protocol, Role, Tcp, Tls

TIMED = ("write", "read", "rtt", "connect", "close")
COUNTED = {"retransmit": "retransmits", "drop": "drops"}
SPOKEN = ("bytes_acked", "bytes_received", "segments_out", "segments_in", "delivered")
TIMES = ("busy", "rwnd_limited", "sndbuf_limited")
MAPPED = b"\0" * 10 + b"\xff\xff"
BEYOND = Peer("0.0.0.0", 0)  # noqa: S104
"""Nobody's address: the peer of what is beyond a process's share of flows."""

Record = np.ndarray[Any, np.dtype[Any]]


@dataclass(slots=True)
class Reasons:
    """What a slot gained by reason."""

    drops: dict[str, int] = field(default_factory=dict)
    failures: dict[int, int] = field(default_factory=dict)
    unpaired: dict[int, int] = field(default_factory=dict)


def flow(row: Any, gained: Any, reasons: Reasons, tick_ns: int) -> Flow:
    """One flow's increase; `row` is its reading and `gained` what is new in it."""
    operations = {name: _operation(gained[name]) for name in TIMED} | {
        name: Operation(int(gained[column])) for name, column in COUNTED.items()
    }
    if gained["uncalled_written"] or gained["uncalled_read"]:
        operations |= _with_uncalled(operations, gained)
    return Flow(
        key(row["key"]),
        {name: each for name, each in operations.items() if each.count or each.bytes},
        _http(row, gained, reasons.unpaired),
        _tcp(gained, tick_ns),
        reasons.failures,
        reasons.drops,
        Tls(int(gained["tls_connections"]), int(gained["tls_readable"])),
    )


def is_empty(flow: Flow) -> bool:
    """Whether nothing of a flow is worth telling."""
    said = (
        flow.operations,
        flow.http,
        flow.failures,
        flow.drops,
        flow.tcp != Tcp(),
        flow.tls != Tls(),
    )
    return not any(said)


def key(record: Any) -> FlowKey:
    """A flow's key, of a record of the kernel's."""
    peer = Peer(
        address(record["peer"].tobytes()), int(record["peer_port"]), int(record["peer_pid"])
    )
    return FlowKey(
        pid=int(record["pid"]),
        local_address=address(record["local"].tobytes()),
        peer=BEYOND if record["is_other"] else peer,
        role=Role(int(record["role"])),
        protocol=Protocol(int(record["protocol"])),
        tls=bool(record["tls"]),
    )


@lru_cache(4096)
def address(packed: bytes) -> str:
    """
    An IP address in text; IPv4 mapped into IPv6 is shown as IPv4.

    >>> address(bytes(10) + bytes([255, 255, 10, 0, 0, 1]))
    '10.0.0.1'
    """
    if packed.startswith(MAPPED):
        return str(ipaddress.IPv4Address(packed[12:]))
    return str(ipaddress.IPv6Address(packed))


def _operation(value: Any) -> Operation:
    buckets = tuple(value["buckets"].tolist())
    return Operation(sum(buckets), int(value["bytes"]), int(value["time"]), buckets)


def _with_uncalled(operations: Mapping[str, Operation], gained: Any) -> dict[str, Operation]:
    """Bytes that crossed without a call are bytes all the same."""
    found = {}
    for name, column in (("write", "uncalled_written"), ("read", "uncalled_read")):
        known = operations[name]
        total = known.bytes + int(gained[column])
        found[name] = Operation(known.count, total, known.time, known.buckets)
    return found


def _tcp(gained: Any, tick_ns: int) -> Tcp:
    facts = gained["facts"]
    return Tcp(
        **{name: int(facts[name]) for name in SPOKEN},
        **{f"{name}_ns": int(facts[f"{name}_ticks"]) * tick_ns for name in TIMES},
        handshake_retransmits=int(gained["handshake_retransmits"]),
        resets_sent=int(gained["resets_sent"]),
        resets_received=int(gained["resets_received"]),
        uncalled_written=int(gained["uncalled_written"]),
        uncalled_read=int(gained["uncalled_read"]),
    )


def _statuses(row: Any, gained: Any) -> dict[int, int]:
    codes, counts = row["statuses"]["code"], gained["statuses"]["count"]
    return {int(codes[at]): int(counts[at]) for at in np.flatnonzero(counts)}


def _http(row: Any, gained: Any, unpaired: Mapping[int, int]) -> Http | None:
    requests = tuple(gained["request_sizes"].tolist())
    responses = _statuses(row, gained)
    if not (any(requests) or responses or gained["unanswered"] or unpaired):
        return None
    return Http(
        requests=sum(requests),
        request_bytes=int(gained["request_bytes"]),
        request_size_buckets=requests,
        responses=responses,
        response_bytes=int(gained["response_bytes"]),
        response_size_buckets=tuple(gained["response_sizes"].tolist()),
        duration_ns=int(gained["duration_ns"]),
        duration_buckets=tuple(gained["durations"].tolist()),
        unanswered=int(gained["unanswered"]),
        unpaired=unpaired,
    )
