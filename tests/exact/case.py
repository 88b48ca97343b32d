"""
A case: real programs, traffic, and rows that say what is true and what podwire says.

In: a function of a `Stage` that yields findings.  Out: rows, with the incumbent's figure beside.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from exact.answer import End, end
from exact.house import House, Street, wait
from exact.incumbent import FIGURES
from exact.nginx import Nginx
from exact.process import Process, player
from podwire.capture import Kernel
from podwire.model.flow import Flow, Role

DRAIN_S = 0.1
PORT = 8080


@dataclass(frozen=True)
class Bounds:
    """A truth that is known to lie between two values."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:,.6g} to {self.high:,.6g}"


Value = int | float | str | tuple[int, ...] | Mapping[int, int] | Mapping[str, int] | Bounds


@dataclass(frozen=True)
class Finding:
    """One quantity, by an independent truth and by podwire."""

    quantity: str
    truth: Value
    podwire: Value

    @property
    def is_right(self) -> bool:
        if isinstance(self.truth, Bounds):
            assert isinstance(self.podwire, int | float)
            return self.truth.low <= self.podwire <= self.truth.high
        return self.truth == self.podwire

    @property
    def difference(self) -> str:
        """What podwire says more or less; nothing when it is right."""
        if self.is_right:
            return "within" if isinstance(self.truth, Bounds) else "0"
        if isinstance(self.truth, tuple) and isinstance(self.podwire, tuple):
            pairs = zip(self.truth, self.podwire, strict=True)
            return " / ".join(f"{said - true:+,}" for true, said in pairs)
        if isinstance(self.truth, int) and isinstance(self.podwire, int):
            return f"{self.podwire - self.truth:+,}"
        return "differs"


@dataclass(frozen=True)
class Row:
    """A finding in its case."""

    case: str
    finding: Finding
    incumbent: str


@dataclass(frozen=True)
class Case:
    """One kind of traffic."""

    name: str
    group: str
    run: Callable[["Stage"], Iterator[Finding]]
    seconds: int = 0
    """How long it takes when that is long: `make exact` alone runs it then."""

    package: str = ""
    """Of an elder Debian; `make exact` alone fetches it."""

    lacks: str = ""
    """What it plays with and is not installed here."""

    def rows(self) -> list[Row]:
        """Play it."""
        figures = FIGURES.get(self.name, {})
        with Stage() as stage:
            found = list(self.run(stage))
        if stage.has_drained:
            lost = {name: count for name, count in stage.losses.items() if count}
            found.append(Finding("losses by name", stage.known_losses, lost))
            found += laws(stage.tallies, stage.uncalled)
        return [Row(self.name, each, figures.get(each.quantity, "")) for each in found]


ENDS = ("answered", "unanswered", "unfinished", "forgotten", "underway")


def laws(tallies: Mapping[str, int], uncalled: int) -> Iterator[Finding]:
    """What went in is what came out, by name; bytes by sequence numbers against those by calls."""
    ended = sum(tallies[f"requests_{each}"] for each in ENDS)
    yield Finding("law: requests begun, accounted for", tallies["requests_begun"], ended)
    called = tallies["bytes_called"] + tallies["bytes_uncalled"]
    yield Finding("law: bytes crossed, accounted for", tallies["bytes_crossed"], called)
    yield Finding("bytes without a call", uncalled, tallies["bytes_uncalled"])


CASES: dict[str, Case] = {}


def case(
    name: str, *, seconds: int = 0, package: str = "", lacks: str = ""
) -> Callable[[Callable[["Stage"], Iterator[Finding]]], Callable[["Stage"], Iterator[Finding]]]:
    """Enter a function in the list of cases, under its module's title."""

    def enter(run: Callable[[Stage], Iterator[Finding]]) -> Callable[[Stage], Iterator[Finding]]:
        assert name not in CASES, name
        CASES[name] = Case(name, run.__module__.rpartition(".")[2], run, seconds, package, lacks)
        return run

    return enter


class Stage:
    """Houses, programs and the real kernel source of one case, all gone at its end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="exact")))
        self.folder.chmod(0o755)
        self.street = Street()
        self._stack.callback(self.street.close)
        self.kernel = Kernel()
        self._stack.callback(self.kernel.close)
        self.flows: list[Flow] = []
        self.losses: Mapping[str, int] = {}
        self.tallies: Mapping[str, int] = {}
        self.known_losses: Mapping[str, int] = {}
        """What this traffic cannot but lose."""

        self.has_drained = False
        self.uncalled = 0
        """Bytes that the case moves without calls."""

        self.drain_s = DRAIN_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def on_end(self, action: Callable[[], None]) -> None:
        """Do this when the case is over and what was started since has ended."""
        self._stack.callback(action)

    def neighbours(self) -> tuple[House, House]:
        """A house for the server and one for the client, joined."""
        houses = self.street.house("server"), self.street.house("client")
        self.street.join(*houses)
        return houses

    def distant(self, hold_ms: float) -> tuple[House, House]:
        """Like neighbours, with a hop between them that holds every frame that long."""
        home, away, hop = (self.street.house(name) for name in ("server", "client", "hop"))
        near, left = self.street.cable(home, hop)
        right, far = self.street.cable(hop, away)
        for house, device, host in ((home, near, 1), (away, far, 2)):
            self.street.address(house, device, host)
        self.program(hop, [sys.executable, "-m", "exact.hop", left, right, str(hold_ms)]).ready()
        return home, away

    def behind(self, house: House) -> House:
        """A house that only this one can reach."""
        back = self.street.house("back")
        self.street.join(house, back)
        return back

    def program(
        self, house: House, command: list[str], *, trace: bool = False, late_ms: int = 0
    ) -> Process:
        """A program that waits at its gate; its writes may return so much later when traced."""
        prefix = self.folder / f"trace-{len(self.flows)}-{time.monotonic_ns()}" if trace else None
        program = Process(house, command, trace=prefix, late_ms=late_ms)
        self._stack.callback(program.close)
        return program

    def player(self, house: House, scene: str, *, trace: bool = False, **settings: Any) -> Process:
        """One of our own scenes, at its gate."""
        return self.program(house, player(scene, **settings), trace=trace)

    def nginx(self, house: House, **options: Any) -> Nginx:
        """An nginx at its gate."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        nginx = Nginx(house, folder, **options)
        self._stack.callback(nginx.close)
        return nginx

    def rest(self, house: House, server: Process) -> None:
        """Wait until a server has closed what its clients left, and drain."""
        wait("the server to have closed", lambda: not house.sockets(PORT))
        server.idle()
        self.drain()

    def watch(self, *programs: Process) -> None:
        """Measure these programs and their children."""
        self.kernel.watch([pid for program in programs for pid in program.pids])

    def drain(self) -> None:
        self.flows += self.kernel.drain()
        self.losses, self.tallies = self.kernel.losses(), self.kernel.tallies()
        self.has_drained = True

    def play(self, *programs: Process, timeout_s: float = 60) -> None:
        """Open their gates and drain again and again until they have ended."""
        for program in programs:
            program.say()
        self.follow(*programs, timeout_s=timeout_s)

    def follow(self, *programs: Process, timeout_s: float = 60) -> None:
        """Drain again and again until they have ended."""
        deadline_s = time.monotonic() + timeout_s
        while any(program.process.poll() is None for program in programs):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{[each.process.args for each in programs]}")
            time.sleep(self.drain_s)
            self.drain()
        for program in programs:
            assert not program.process.returncode, program.process.args

    def end(self, program_pids: Sequence[int], role: Role) -> End:
        """What podwire says of one end, all drains together."""
        return end(self.flows, program_pids, role)
