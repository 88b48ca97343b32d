"""
Network namespaces with cables between them, gone with the process that made them.

In: names.  Out: houses with addresses.  A namespace lives as long as its holder, a sleeping
process that dies with us, so that nothing is left behind whatever ends the suite.
Segmentation and checksum offload are off: a packet on the cable is a segment, whole.  Frames are
received by threads of the kernel and not in the name of whoever happens to run: on machines that
shield their own processes from tracing, what happened in the name of those would not be seen.
"""

import json
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from podwire.app.programs import die_with_parent

OPEN_STATES = {"01", "02", "03", "04", "05", "08", "09", "0B"}
"""Of /proc/net/tcp: whatever still has a socket that somebody must close."""

DROPPING = """
add table inet exact
add counter inet exact dropped
add chain inet exact arriving {{ type filter hook prerouting priority 0; }}
add rule inet exact arriving {match} numgen inc mod {every} {turn} counter name dropped drop
"""


patience_s = 60.0
"""How long is waited for what never comes; who runs on a slower machine sets it."""


def wait(what: str, is_true: Callable[[], object], timeout_s: float | None = None) -> None:
    """Poll until true. Raises TimeoutError naming what did not come."""
    deadline_s = time.monotonic() + (patience_s if timeout_s is None else timeout_s)
    while not is_true():
        if time.monotonic() > deadline_s:
            raise TimeoutError(what)
        time.sleep(0.005)


@dataclass
class House:
    """One network namespace."""

    name: str
    holder: "subprocess.Popen[bytes]"
    address: str = ""
    address6: str = ""
    devices: list[str] = field(default_factory=list)

    @property
    def enter(self) -> list[str]:
        """What to put before a command so that it runs here."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--"]

    def run(self, *command: str, given: str = "") -> str:
        done = subprocess.run(
            [*self.enter, *command], input=given, capture_output=True, text=True, check=False
        )
        assert not done.returncode, f"{command}: {done.stderr}"
        return done.stdout

    def prepare(self, device: str) -> None:
        """
        Bring a device up: nothing is merged, and a kernel thread receives what arrives.

        Kernels before 5.12 have no such threads.
        """
        self.run("ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "on")
        self.run("ip", "link", "set", device, "gro_max_size", "1", "up")
        switch = f"/sys/class/net/{device}/threaded"
        threaded = f"mount -t sysfs sysfs /sys && if [ -e {switch} ]; then echo 1 >{switch}; fi"
        self.run("unshare", "--mount", "sh", "-c", threaded)

    def sockets(self, port: int) -> int:
        """Connections to or from a port that their owner has not closed yet."""
        lines = [
            line.split()
            for name in ("tcp", "tcp6")
            for line in Path(f"/proc/{self.holder.pid}/net/{name}").read_text().splitlines()[1:]
        ]
        ends = {f"{port:04X}"}
        return sum(
            line[3] in OPEN_STATES and bool(ends & {end.split(":")[1] for end in line[1:3]})
            for line in lines
        )

    def wait_listening(self, port: int) -> None:
        """Until somebody listens there."""
        table = Path(f"/proc/{self.holder.pid}/net/tcp")
        pattern = re.compile(rf":{port:04X} 0{{8}}:0000 0A ")
        wait(f"a listener on port {port}", lambda: pattern.search(table.read_text()))

    def snmp(self) -> Mapping[str, int]:
        """The TCP counters of this namespace."""
        text = Path(f"/proc/{self.holder.pid}/net/snmp").read_text()
        names, values = (line.split()[1:] for line in text.splitlines() if line.startswith("Tcp:"))
        return dict(zip(names, map(int, values), strict=True))

    def drop(self, match: str, every: int, *, first: bool = False) -> None:
        """Lose one in so many of the packets that arrive here and match, the first or the last."""
        turn = 0 if first else every - 1
        rules = DROPPING.format(match=match, every=every, turn=turn)
        self.run("nft", "-f", "-", given=rules)

    def dropped(self) -> int:
        """Packets lost on purpose so far."""
        answer = json.loads(self.run("nft", "-j", "list", "counter", "inet", "exact", "dropped"))
        (counter,) = (each["counter"] for each in answer["nftables"] if "counter" in each)
        return int(counter["packets"])


class Street:
    """The houses of one case, in a subnet of their own (kept for tests by RFC 2544)."""

    def __init__(self) -> None:
        self._subnet = f"198.{18 + secrets.randbelow(2)}.{secrets.randbelow(256)}"
        self._prefix = f"fd00:{secrets.randbelow(1 << 16):x}"
        self.houses: list[House] = []
        self._links = 0

    def house(self, name: str) -> House:
        """A namespace with nothing but a loopback."""
        own = Path("/proc/self/ns/net").readlink()
        holder = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"], preexec_fn=die_with_parent
        )
        made = Path(f"/proc/{holder.pid}/ns/net")
        wait("a network namespace", lambda: made.readlink() != own)
        house = House(name, holder)
        self.houses.append(house)
        house.run("ip", "link", "set", "lo", "up")
        return house

    def cable(self, left: House, right: House) -> tuple[str, str]:
        """A pair of devices without addresses; their names."""
        self._links += 1
        ends = f"l{self._links}", f"r{self._links}"
        far = ("netns", str(right.holder.pid))
        left.run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1], *far)
        for house, device in zip((left, right), ends, strict=True):
            house.prepare(device)
            house.devices.append(device)
        return ends

    def address(self, house: House, device: str, host: int) -> None:
        """Both kinds of address on a house's device; the first are how it is called."""
        v4, v6 = f"{self._subnet}.{host}", f"{self._prefix}::{host:x}"
        lines = f"address add {v4}/30 dev {device}\naddress add {v6}/126 dev {device} nodad\n"
        house.run("ip", "-batch", "-", given=lines)
        house.address = house.address or v4
        house.address6 = house.address6 or v6

    def join(self, left: House, right: House) -> None:
        """Two neighbours who can reach each other."""
        for host, (house, device) in enumerate(
            zip((left, right), self.cable(left, right), strict=True), 1
        ):
            self.address(house, device, 4 * self._links + host)

    def close(self) -> None:
        for house in self.houses:
            house.holder.kill()
            house.holder.wait()
