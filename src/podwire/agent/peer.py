"""
Who is at the other end of a flow, in the wire's own three words (contract 2.2).

In: a flow's key and the processes that are known.  Out: exactly one of process id, local, address.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass

from podwire.agent.named import Named
from podwire.model.flow import FlowKey


@dataclass(frozen=True, slots=True)
class Peer:
    """One of the three is set: a known process of the same instance, this host, or an address."""

    process_id: str = ""
    is_local: bool = False
    address: str = ""


def peer_of(key: FlowKey, here: Named, named: Mapping[int, Named], near: Container[str]) -> Peer:
    """
    The other end of a flow of `here`; `near` holds the addresses of this host.

    A peer with the flow's own address is in the same network namespace.
    """
    there = named.get(key.peer.pid)
    if there and there.of == here.of:
        return Peer(process_id=there.process_id)
    address = key.peer.address
    if address in (key.local_address, "::1") or address in near or address.startswith("127."):
        return Peer(is_local=True)
    return Peer(address=f"{address}:{key.peer.port}")
