"""
Counters become flows.

In: keys and values of the kernel's maps, as increases.  Out: `model.Flow`.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from podwire.model.flow import Flow, FlowKey, Http, Operation, Peer, Protocol, Role

TIMED = ("write", "read", "rtt", "connect", "close")
COUNTED = {"retransmit": "retransmits", "drop": "drops"}
MAPPED = b"\0" * 10 + b"\xff\xff"

Record = np.ndarray[Any, np.dtype[Any]]


def flow(key: Any, value: Any, responses: Mapping[int, int]) -> Flow:
    """One flow's increase; `key` and `value` are records of the kernel's structures."""
    operations = {name: _operation(value[name]) for name in TIMED if value[name]["count"]} | {
        name: Operation(int(value[field])) for name, field in COUNTED.items() if value[field]
    }
    return Flow(_key(key), operations, _http(value, responses))


def _key(key: Any) -> FlowKey:
    return FlowKey(
        pid=int(key["pid"]),
        local_address=address(key["local"].tobytes()),
        peer=Peer(address(key["peer"].tobytes()), int(key["peer_port"]), int(key["peer_pid"])),
        role=Role(int(key["role"])),
        protocol=Protocol(int(key["protocol"])),
        tls=bool(key["tls"]),
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
    return Operation(
        int(value["count"]),
        int(value["bytes"]),
        int(value["time"]),
        tuple(value["buckets"].tolist()),
    )


def _http(value: Any, responses: Mapping[int, int]) -> Http | None:
    if not (value["requests"] or value["responses"] or responses):
        return None
    return Http(
        requests=int(value["requests"]),
        request_bytes=int(value["request_bytes"]),
        request_size_buckets=tuple(value["request_sizes"].tolist()),
        responses=responses,
        response_bytes=int(value["response_bytes"]),
        response_size_buckets=tuple(value["response_sizes"].tolist()),
        duration_ns=int(value["duration_ns"]),
        duration_buckets=tuple(value["durations"].tolist()),
    )
