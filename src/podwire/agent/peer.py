"""
Who is at the other end of a flow, in the wire's own three words (contract 2.2).

In: a flow's key and the processes that are known.  Out: exactly one of process id, local, address.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from podwire.agent.named import Named
from podwire.model.flow import FlowKey


@dataclass(frozen=True, slots=True)
class Peer:
    """One of the three is set: a known process of the same instance, this host, or an address."""

    process_id: str = ""
    is_local: bool = False
    address: str = ""


UNSPECIFIED = ("0.0.0.0", "::")  # noqa: S104
"""A connect to it goes to this host."""


def near_of(host_addresses: Iterable[str], keys: Iterable[FlowKey]) -> frozenset[str]:
    """
    The addresses that are here: of this host, and of each watched socket between two drains.

    Meters and samples of one drain are told with the same, so that both are of one edge.
    """
    return frozenset((*host_addresses, *(key.local_address for key in keys)))


def peer_of(key: FlowKey, here: Named, named: Mapping[int, Named], near: Container[str]) -> Peer:
    """
    The other end of a flow of `here`; `near` is of `near_of`.

    A peer with the flow's own address is in the same network namespace.
    """
    there = named.get(key.peer.pid)
    if there and there.of == here.of:
        return Peer(process_id=there.process_id)
    address = key.peer.address
    is_own = address in (key.local_address, "::1", *UNSPECIFIED) or address.startswith("127.")
    if is_own or address in near:
        return Peer(is_local=True)
    return Peer(address=f"{address}:{key.peer.port}")
