"""
The shop's streets: a network namespace for each house, and a veth pair from the pod to each other.

In: a note with names and a subnet.  Out: namespaces with addresses; two of the links lose packets.
Losses happen at the peer's prerouting, where nftables counts them, and without segmentation
offload, so that a lost packet is a lost segment.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from podwire.demo.leftover import NAMESPACES, Note, notes

HOUSES = ("pod", "client", "web", "payments")
PORTS = {"gateway": 8080, "orders": 8081, "web": 80, "payments": 8443}
EVERY = 20
"""Of the pod's data packets on a lossy link, one in so many is lost."""

LOSSY = {"client": f"tcp sport {PORTS['gateway']}", "web": f"tcp dport {PORTS['web']}"}
DATA_BYTES = 100
"""An IP packet longer than this carries data: acknowledgements with options are shorter."""

RULES = """
add table ip shop
add counter ip shop lost
add chain ip shop arriving {{ type filter hook prerouting priority 0; }}
add rule ip shop arriving {match} ip length > {size} numgen inc mod {every} 0 counter name lost drop
"""


class SetupError(RuntimeError):
    """The system did not let us build the shop; the message is the tool's own."""


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses by house, and the pod's address on the link to that house."""

    note: Note
    addresses: dict[str, str]
    pod_addresses: dict[str, str]

    def namespace(self, house: str) -> str:
        return f"{self.note.name}-{house}"


def free_subnet(taken: Collection[str]) -> str:
    """A /24 of 198.18.0.0/15 (kept for tests by RFC 2544) that no other demo uses."""
    used = {*taken, *(note.subnet for note in notes())}
    while (subnet := f"198.{18 + secrets.randbelow(2)}.{secrets.randbelow(256)}") in used:
        pass
    return subnet


async def taken_subnets() -> set[str]:
    """First three numbers of every address and route of this host."""
    text = await _run("ip", "-4", "route", "show", "table", "all")
    return {match.rpartition(".")[0] for match in re.findall(r"\d+\.\d+\.\d+\.\d+", text)}


async def build(note: Note) -> Network:
    """Make namespaces, links, addresses and losses. Raises `SetupError`."""
    network = Network(
        note,
        {house: f"{note.subnet}.{4 * n + 2}" for n, house in enumerate(HOUSES[1:])},
        {house: f"{note.subnet}.{4 * n + 1}" for n, house in enumerate(HOUSES[1:])},
    )
    for house in HOUSES:
        await _run("ip", "netns", "add", network.namespace(house))
        await _inside(network.namespace(house), "ip", "link", "set", "lo", "up")
    for house in HOUSES[1:]:
        await _link(network, house)
    for house, match in LOSSY.items():
        rules = RULES.format(match=match, size=DATA_BYTES, every=EVERY)
        await _inside(network.namespace(house), "nft", "-f", "-", given=rules)
    return network


async def _link(network: Network, house: str) -> None:
    pod, other = network.namespace("pod"), network.namespace(house)
    ends = ((pod, house, network.pod_addresses[house]), (other, "pod", network.addresses[house]))
    peer = ("peer", "name", "pod", "netns", other)
    await _inside(pod, "ip", "link", "add", house, "type", "veth", *peer)
    for namespace, device, address in ends:
        await _inside(namespace, "ip", "address", "add", f"{address}/30", "dev", device)
        await _inside(namespace, "ip", "link", "set", device, "up")
        await _inside(namespace, "ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off")


async def lost_packets(network: Network, house: str) -> int:
    """What nftables dropped on a house's doorstep."""
    command = ("nft", "-j", "list", "counter", "ip", "shop", "lost")
    answer = json.loads(await _inside(network.namespace(house), *command))
    (counter,) = (each["counter"] for each in answer["nftables"] if "counter" in each)
    return int(counter["packets"])


async def _inside(namespace: str, *command: str, given: str = "") -> str:
    return await _run(*enter(namespace), *command, given=given)


def enter(namespace: str) -> tuple[str, str]:
    """
    What to put before a command so that it runs in a namespace.

    Not `ip netns exec`: that needs a root that is a mount, which a chroot is not.
    """
    return "nsenter", f"--net={NAMESPACES / namespace}"


async def _run(*command: str, given: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(given.encode())
    if process.returncode:
        raise SetupError(f"{' '.join(command)}: {_last_line(errors.decode().splitlines())}")
    return output.decode()


def _last_line(lines: Sequence[str]) -> str:
    return lines[-1] if lines else "failed"
