"""
The kernel as the agent sees it: watch processes, drain what they said.

In: `bpf/socket.bpf.c`, compiled.  Out: `model.Flow`; satisfies `agent.source.FlowSource`.
Programs are loaded and attached while somebody is watched, and gone otherwise.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from podwire.capture import decode
from podwire.capture.hooks import (
    OBJECT,
    VMLINUX,
    Standing,
    Touch,
    build_here,
    demand,
    leave_as_is,
    stand,
)
from podwire.capture.lanes import Lanes, lanes_here
from podwire.capture.layout import Layouts
from podwire.capture.library import Unavailable, checked, library, raw_btf
from podwire.capture.probe import may_load
from podwire.capture.reason import Tally
from podwire.capture.recorder import Recorder
from podwire.capture.size import fit, limits, node_sizes, turn
from podwire.capture.slots import Slots
from podwire.capture.table import Array, Table, read_cpus, read_each_cpu
from podwire.capture.tls.attach import Probes
from podwire.capture.tls.follow import Follower, Means
from podwire.model.exchange import Exchange, RecordPolicy
from podwire.model.flow import Flow, Listener
from podwire.model.loss import Loss
from podwire.model.tls import Library

RATES = (250, 100, 300, 1000)
"""Ticks a second that kernels are built with."""

LEAST_TICKS = 25
"""Before so many have passed the rate cannot be told, and the commonest is taken."""

Knobs = Mapping[str, int]
NO_KNOBS: Knobs = {}


def check_system() -> None:
    """Raises `Unavailable` when this system cannot load BPF, naming the first thing to mend."""
    if not may_load():
        raise Unavailable("measuring needs root (or BPF and PERFMON); run: sudo podwire ...")
    if not VMLINUX.exists():
        raise Unavailable(
            "this kernel has no BTF (/sys/kernel/btf/vmlinux is missing); "
            "boot a kernel built with CONFIG_DEBUG_INFO_BTF, e.g. apt-get install linux-image-amd64"
        )
    if not OBJECT.exists():
        raise Unavailable("the BPF object is not built; run: make bpf")
    library()


class Kernel:
    """The flow source of this host. Raises `Unavailable` when it cannot be one."""

    def __init__(
        self,
        touch: Touch = leave_as_is,
        knobs: Knobs = NO_KNOBS,
        *,
        path: Path | None = None,
        means: Means | None = None,
    ) -> None:
        check_system()
        self._path = path or build_here()
        self._knobs = knobs
        self._means = means or Means()
        self._program: _Program | None = None
        self._lost: Counter[str] = Counter()
        self._touch = touch
        self.standings = stand(touch, path=self._path)
        demand(self.standings)  # what would fail at the first task fails now

    @property
    def missing(self) -> Sequence[Standing]:
        """Hooks that this kernel refuses, with what cannot be measured without them."""
        return [each for each in self.standings if each.rung is None]

    def watch(self, pids: Collection[int]) -> None:
        if not pids:
            self.close()
            return
        try:
            if self._program is None:
                self._program = _Program(
                    self.standings, self._means, self._touch, self._knobs, path=self._path
                )
                self.standings = self._program.attach()
            self._program.watch(pids)
        except (OSError, Unavailable) as error:
            self.close()  # nothing that does not count is left, and the next time begins anew
            raise Unavailable(str(error)) from error

    @property
    def tls(self) -> Follower | None:
        """Who probes the TLS libraries of watched processes, while there are any."""
        return self._program.tls if self._program else None

    def libraries(self) -> Mapping[int, Sequence[Library]]:
        return self._program.tls.libraries() if self._program else {}

    def drain(self) -> Sequence[Flow]:
        try:
            return self._program.drain() if self._program else ()
        except OSError as error:  # no memory or descriptor for reading the maps
            raise Unavailable(str(error)) from error

    def record(self, policies: Mapping[int, RecordPolicy]) -> None:
        if self._program:
            self._program.recorder.record(policies)

    def exchanges(self) -> Sequence[Exchange]:
        return self._program.recorder.drain() if self._program else ()

    @property
    def copied_bytes(self) -> int:
        """Recorded payload that left the kernel for the processes watched now."""
        return self._program.recorder.copied_bytes if self._program else 0

    def listeners(self) -> Sequence[Listener]:
        return self._program.listeners() if self._program else ()

    def tallies(self) -> Mapping[str, int]:
        """Both sides of the conservation laws since the first process was watched."""
        return self._program.tallies() if self._program else {}

    def costs(self) -> Mapping[str, tuple[int, int]]:
        """Runs and ns of our programs for watched calls, with the knob `is_timed` on."""
        return self._program.costs() if self._program else {}

    def losses(self) -> Mapping[str, int]:
        current = self._program.losses() if self._program else {}
        return dict(self._lost + Counter(current))

    def missed(self) -> Mapping[str, int]:
        """What `hook_missed` is the sum of, by program, while somebody is watched."""
        return self._program.missed() if self._program else {}

    def close(self) -> None:
        if self._program:
            self._lost.update(self._program.losses())
            self._program.close()
            self._program = None


class _Program:
    """The object, loaded: its maps, and its programs once somebody is watched."""

    def __init__(
        self,
        standings: Sequence[Standing],
        means: Means,
        touch: Touch,
        knobs: Knobs,
        *,
        path: Path,
    ) -> None:
        self._standings = standings
        self._knobs = knobs
        rungs = {each.hook.program: each.rung for each in standings if each.rung}
        self._lanes = Lanes(rungs, touch, path=path, fit=self._fit, count=lanes_here())
        self._programs = self._lanes.first
        self._object = self._programs.object
        self._means = means
        try:
            self._open_maps()
        except BaseException:
            self._lanes.close()
            raise

    def _open_maps(self) -> None:
        layouts = self._layouts = Layouts(raw_btf(self._object))
        self._watched = Table(self.fd("watched"), np.dtype("<u4"), np.dtype("<u8"))
        self._marks = Table(self.fd("marks"), np.dtype("<u4"), np.dtype("<u8"))
        self._usage = Table(self.fd("usages"), np.dtype("<u4"), layouts.structure("usage"))
        self._connections = Table(
            self.fd("connections"), np.dtype("<u8"), layouts.structure("connection")
        )
        listener = layouts.structure("listener")
        self._listeners = Table(self.fd("listeners"), np.dtype("<u8"), listener)
        self._slots = Slots(self.fd, layouts.structure("flow"), layouts.structure("flow_key"))
        reason = layouts.structure("reason_key")
        self._reasons = Tally(self.fd("reasons"), reason, layouts.enumeration("what"))
        self._overflows: dict[int, int] = {}
        self.recorder = Recorder(self.fd, layouts, pages=self._sizes.pages)
        self._first = self._clock()
        self.tls = Follower(self._means, self._open_probes, self._pids, self.fd("newcomers"))

    def _fit(self, opened: Any) -> None:
        layouts = Layouts(raw_btf(opened))
        self._sizes = node_sizes()
        fit(opened, layouts, self._sizes)
        for name, value in self._knobs.items():
            turn(opened, layouts, name, value)

    def _open_probes(self) -> Probes:
        known = {**limits(self._sizes), **self._knobs}
        return Probes(self._find_fd, known, room=self._sizes.sockets, rungs=self._means.rungs)

    def _find_fd(self, name: str) -> int:
        return int(library().bpf_object__find_map_fd_by_name(self._object, name.encode()))

    def _pids(self) -> frozenset[int]:
        """Who is watched: whom we were told of, and their children."""
        return frozenset(self._watched.read()[0].tolist())

    def fd(self, name: str) -> int:
        """A map's descriptor."""
        return checked(self._find_fd(name), f"map {name}")

    def watch(self, pids: Collection[int]) -> None:
        """Point the programs at these processes and take in their open sockets."""
        known, _ = self._watched.read()
        current = set(known.tolist())
        for pid in set(pids) - current:
            self._watched.put(np.array([pid], np.uint32), np.zeros(1, np.uint64))
        for pid in current - set(pids):
            self._watched.remove(np.array([pid], np.uint32))
        self._mark(current ^ set(pids), set(pids))
        self._programs.read("choose")
        self._programs.read("survey")
        self.tls.look()

    def _mark(self, changed: Collection[int], watched: Collection[int]) -> None:
        """Set bits; the iterator sets right what a fork changed in the same word meanwhile."""
        for pid in changed:
            word = np.array([pid // 64], np.uint32)
            bits = self._marks.get(word)
            if bits is None:  # beyond the highest pid of this system
                continue
            bit = np.uint64(1 << pid % 64)
            new = bits | bit if pid in watched else bits & ~bit
            self._marks.put(word, np.array([new], np.uint64))

    def attach(self) -> tuple[Standing, ...]:
        """Let the programs count; the result says which of them do."""
        refused = self._lanes.attach()
        found = tuple(
            replace(each, rung=None, why=refused[each.hook.program])
            if each.hook.program in refused
            else each
            for each in self._standings
        )
        demand(found)
        return found

    def drain(self) -> list[Flow]:
        """Flows that changed since the last drain, by their increase."""
        if self._clock()["has_unexplained"]:
            self._programs.read("underway")
        self._programs.read("gather")
        reasons = self._reasons.take()
        tick_ns = self._tick_ns()
        flows: list[Flow] = []
        for slots, rows, gained in self._changed(reasons):
            flows += decode.flows(slots.tolist(), rows, gained, reasons, tick_ns)
        self._reasons.forget(self._slots.give_back(set(self._watched.read()[0].tolist())))
        return flows

    def _changed(self, reasons: Collection[int]) -> Iterator[tuple[Array, Array, Array]]:
        """Slots, their reading, and what they gained: with but a new reason, nothing else."""
        silent = {*reasons} - {0}
        for slots, rows, gained in self._slots.take(int(self._clock()["flows"])):
            yield slots, rows, gained
            silent.difference_update(slots.tolist())
        if silent:
            rest = np.array(sorted(silent))
            rows = self._slots.rows_of(rest)
            yield rest, rows, np.zeros_like(rows)

    def _clock(self) -> Any:
        return self._usage.get(np.zeros(1, np.uint32))

    def _tick_ns(self) -> int:
        """How long a tick of the kernel's clock is: one of the rates that kernels have."""
        first, last = self._first, self._clock()
        if not first["ns"]:
            self._first = last
        ticks, time_ns = int(last["ticks"] - first["ticks"]), int(last["ns"] - first["ns"])
        if not first["ns"] or ticks < LEAST_TICKS:
            return 1_000_000_000 // RATES[0]
        rate = ticks / time_ns * 1_000_000_000
        return 1_000_000_000 // min(RATES, key=lambda each: abs(each - rate))

    def listeners(self) -> list[Listener]:
        """Listening sockets that had no room for a connection since the last time."""
        self._programs.read("overflow")
        keys, values = self._listeners.read()
        before, self._overflows = self._overflows, {}
        found = []
        for sk, each in zip(keys.tolist(), values, strict=True):
            drops = self._overflows[sk] = int(each["drops"])
            if drops > before.get(sk, 0):
                found.append(
                    Listener(int(each["pid"]), int(each["key"]["port"]), drops - before.get(sk, 0))
                )
        return found

    def losses(self) -> Mapping[str, int]:
        """Counts by reason since the programs were loaded."""
        counts = self._enumerated("loss", "losses")
        found = {name: count for name, count in counts.items() if count}
        missed = sum(self.missed().values())
        return {**found, **({Loss.HOOK_MISSED: missed} if missed else {}), **self.recorder.losses}

    def missed(self) -> Mapping[str, int]:
        return self._lanes.missed()

    def tallies(self) -> Mapping[str, int]:
        """Both sides of the conservation laws, and what is underway on open connections."""
        keys, values = self._connections.read()
        underway = int((values["pushed"] - values["popped"]).sum()) if len(keys) else 0
        return self._enumerated("tally", "tallies") | {"requests_underway": underway}

    def costs(self) -> Mapping[str, tuple[int, int]]:
        """Runs and ns of our programs for watched calls, and of the clock that tells them."""
        kind, cpus = self._layouts.structure("cost_sum"), _possible_cpus()
        names = list(self._layouts.enumeration("cost").items())[:-1]
        sums = {name: read_each_cpu(self.fd("costs"), at, cpus, kind) for name, at in names}
        return {
            name.partition("_")[2].lower(): (int(each["runs"].sum()), int(each["ns"].sum()))
            for name, each in sums.items()
        }

    def _enumerated(self, kind: str, table: str) -> dict[str, int]:
        cpus, fd = _possible_cpus(), self.fd(table)
        names = list(self._layouts.enumeration(kind).items())[:-1]
        return {name.partition("_")[2].lower(): read_cpus(fd, index, cpus) for name, index in names}

    def close(self) -> None:
        """Detach and unload."""
        self.tls.close()
        self.recorder.close()
        self._lanes.close()


def _possible_cpus() -> int:
    """How many values a per-CPU map holds: the highest possible CPU plus one."""
    text = Path("/sys/devices/system/cpu/possible").read_text().strip()
    return int(text.rpartition("-")[2].rpartition(",")[2]) + 1
