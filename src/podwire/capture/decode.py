"""
Counters become flows.

In: keys of slots, what they gained, and what they gained by reason.  Out: `model.Flow`.
"""

import ipaddress
from collections.abc import Mapping, Sequence
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
Columns = Mapping[str, Any]
"""By field its values, or the columns of what is inside it."""


@dataclass(slots=True)
class Reasons:
    """What a slot gained by reason."""

    drops: dict[str, int] = field(default_factory=dict)
    failures: dict[int, int] = field(default_factory=dict)
    unpaired: dict[int, int] = field(default_factory=dict)


NO_REASONS = Reasons()


def flows(
    slots: Sequence[int],
    rows: Record,
    gained: Record,
    reasons: Mapping[int, Reasons],
    tick_ns: int,
) -> list[Flow]:
    """What slots gained, by their reading and what is new in it; slots that say nothing are not."""
    known, new = columns(rows), columns(gained)
    found = (
        _flow(at, known, new, reasons.get(slot, NO_REASONS), tick_ns)
        for at, slot in enumerate(slots)
    )
    return [flow for flow in found if not is_empty(flow)]


def columns(array: Record) -> Any:
    """
    A list of each field: many numbers become Python's in one step.

    >>> columns(np.array([((1, 2), 3)], [("a", [("b", "u1"), ("c", "u1")]), ("d", "u1")]))
    {'a': {'b': [1], 'c': [2]}, 'd': [3]}
    """
    names = array.dtype.names
    return array.tolist() if names is None else {name: columns(array[name]) for name in names}


def _flow(at: int, rows: Columns, gained: Columns, reasons: Reasons, tick_ns: int) -> Flow:
    operations = {name: _operation(at, gained[name]) for name in TIMED} | {
        name: Operation(gained[column][at]) for name, column in COUNTED.items()
    }
    if gained["uncalled_written"][at] or gained["uncalled_read"][at]:
        operations |= _with_uncalled(operations, at, gained)
    return Flow(
        _key(at, rows["key"]),
        {name: each for name, each in operations.items() if each.count or each.bytes},
        _http(at, rows, gained, reasons.unpaired),
        _tcp(at, gained, tick_ns),
        reasons.failures,
        reasons.drops,
        Tls(gained["tls_connections"][at], gained["tls_readable"][at]),
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
    return _key(0, columns(np.asarray(record).reshape(1)))


def _key(at: int, keys: Columns) -> FlowKey:
    peer = Peer(
        address(bytes(keys["peer"]["bytes"][at])), keys["peer_port"][at], keys["peer_pid"][at]
    )
    return FlowKey(
        pid=keys["pid"][at],
        local_address=address(bytes(keys["local"]["bytes"][at])),
        peer=BEYOND if keys["is_other"][at] else peer,
        role=Role(keys["role"][at]),
        protocol=Protocol(keys["protocol"][at]),
        tls=bool(keys["tls"][at]),
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


def _operation(at: int, values: Columns) -> Operation:
    buckets = tuple(values["buckets"][at])
    return Operation(sum(buckets), values["bytes"][at], values["time"][at], buckets)


def _with_uncalled(
    operations: Mapping[str, Operation], at: int, gained: Columns
) -> dict[str, Operation]:
    """Bytes that crossed without a call are bytes all the same."""
    found = {}
    for name, column in (("write", "uncalled_written"), ("read", "uncalled_read")):
        known = operations[name]
        total = known.bytes + gained[column][at]
        found[name] = Operation(known.count, total, known.time, known.buckets)
    return found


def _tcp(at: int, gained: Columns, tick_ns: int) -> Tcp:
    facts = gained["facts"]
    return Tcp(
        **{name: facts[name][at] for name in SPOKEN},
        **{f"{name}_ns": facts[f"{name}_ticks"][at] * tick_ns for name in TIMES},
        handshake_retransmits=gained["handshake_retransmits"][at],
        resets_sent=gained["resets_sent"][at],
        resets_received=gained["resets_received"][at],
        uncalled_written=gained["uncalled_written"][at],
        uncalled_read=gained["uncalled_read"][at],
    )


def _http(at: int, rows: Columns, gained: Columns, unpaired: Mapping[int, int]) -> Http | None:
    requests = tuple(gained["request_sizes"][at])
    statuses = zip(rows["statuses"]["code"][at], gained["statuses"]["count"][at], strict=True)
    responses = {code: count for code, count in statuses if count}
    if not (any(requests) or responses or gained["unanswered"][at] or unpaired):
        return None
    return Http(
        requests=sum(requests),
        request_bytes=gained["request_bytes"][at],
        request_size_buckets=requests,
        responses=responses,
        response_bytes=gained["response_bytes"][at],
        response_size_buckets=tuple(gained["response_sizes"][at]),
        duration_ns=gained["duration_ns"][at],
        duration_buckets=tuple(gained["durations"][at]),
        unanswered=gained["unanswered"][at],
        unpaired=unpaired,
    )
