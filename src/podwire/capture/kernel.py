"""
The kernel as the agent sees it: watch processes, drain what they said.

In: `bpf/socket.bpf.c`, compiled.  Out: `model.Flow`; satisfies `agent.source.FlowSource`.
Programs are loaded and attached while somebody is watched, and gone otherwise.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from podwire.capture import decode
from podwire.capture.hooks import (
    OBJECT,
    VMLINUX,
    Programs,
    Standing,
    Touch,
    demand,
    leave_as_is,
    stand,
)
from podwire.capture.increase import Increase
from podwire.capture.layout import Layouts
from podwire.capture.library import Unavailable, checked, ffi, library
from podwire.capture.probe import may_load
from podwire.capture.table import Array, Table, read_cpus
from podwire.model.flow import Flow

IDLE_READINGS = 150


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

    def __init__(self, touch: Touch = leave_as_is) -> None:
        check_system()
        self._program: _Program | None = None
        self._lost: Counter[str] = Counter()
        self._touch = touch
        self.standings = stand(touch)
        demand(self.standings)  # what would fail at the first task fails now

    @property
    def missing(self) -> Sequence[Standing]:
        """Hooks that this kernel refuses, with what cannot be measured without them."""
        return [each for each in self.standings if each.rung is None]

    def watch(self, pids: Collection[int]) -> None:
        if not pids:
            self.close()
            return
        if self._program is None:
            self._program = _Program(self.standings, self._touch)
            self.standings = self._program.attach()
        self._program.watch(pids)

    def drain(self) -> Sequence[Flow]:
        return self._program.drain() if self._program else ()

    def losses(self) -> Mapping[str, int]:
        current = self._program.losses() if self._program else {}
        return dict(self._lost + Counter(current))

    def close(self) -> None:
        if self._program:
            self._lost.update(self._program.losses())
            self._program.close()
            self._program = None


class _Program:
    """The object, loaded: its maps, and its programs once somebody is watched."""

    def __init__(self, standings: Sequence[Standing], touch: Touch = leave_as_is) -> None:
        self._standings = standings
        rungs = {each.hook.program: each.rung for each in standings if each.rung}
        self._programs = Programs(rungs, touch)
        self._object = self._programs.object
        self._layouts = Layouts(_raw_btf(self._object))
        self._watched = Table(self._fd("watched"), np.dtype("<u4"), np.dtype("<u4"))
        self._flows = self._table("flows", "flow_key", "flow")
        status = self._layouts.structure("status_key")
        self._statuses = Table(self._fd("statuses"), status, np.dtype("<u8"))
        self._flow_increase, self._status_increase = Increase(), Increase()

    def _fd(self, name: str) -> int:
        found = library().bpf_object__find_map_fd_by_name(self._object, name.encode())
        return checked(found, f"map {name}")

    def _table(self, name: str, key: str, value: str) -> Table:
        layouts = self._layouts
        return Table(self._fd(name), layouts.structure(key), layouts.structure(value))

    def watch(self, pids: Collection[int]) -> None:
        """Point the programs at these processes and take in their open sockets."""
        known, _ = self._watched.read()
        current = set(known.tolist())
        one = np.ones(1, np.uint32)
        for pid in set(pids) - current:
            self._watched.put(np.array([pid], np.uint32), one)
        for pid in current - set(pids):
            self._watched.remove(np.array([pid], np.uint32))
        self._programs.read("survey")

    def attach(self) -> tuple[Standing, ...]:
        """Let the programs count; the result says which of them do."""
        refused = self._programs.attach()
        found = tuple(
            replace(each, rung=None, why=refused[each.hook.program])
            if each.hook.program in refused
            else each
            for each in self._standings
        )
        demand(found)
        return found

    def drain(self) -> list[Flow]:
        """
        Flows that changed since the last drain, by their increase.

        A response may be counted after its flow was read and before the statuses are: it is this
        drain's all the same, with a flow that gained nothing else.
        """
        keys, values = self._flow_increase.take(*self._flows.read())
        responses = self._responses()
        self._drop_idle()
        flows = [
            decode.flow(key, value, responses.pop(key.tobytes(), {}))
            for key, value in zip(keys, values, strict=True)
        ]
        nothing = np.zeros((), self._flows.value)
        return flows + [
            decode.flow(np.frombuffer(key, self._flows.key)[0], nothing, counts)
            for key, counts in responses.items()
        ]

    def _responses(self) -> dict[bytes, dict[int, int]]:
        """New responses by flow key and status."""
        found: dict[bytes, dict[int, int]] = {}
        keys, counts = self._status_increase.take(*self._statuses.read())
        for key, count in zip(keys, counts.tolist(), strict=True):
            found.setdefault(key["flow"].tobytes(), {})[int(key["status"])] = count
        return found

    def _drop_idle(self) -> None:
        """Flows that have been still for minutes give their room back."""
        pairs = ((self._flows, self._flow_increase), (self._statuses, self._status_increase))
        for table, increase in pairs:
            for key in increase.idle(IDLE_READINGS):
                entry: Array = np.frombuffer(key, table.key)
                table.remove(entry)
                increase.forget(key)

    def losses(self) -> Mapping[str, int]:
        """Counts by reason since the programs were loaded."""
        fd, cpus = self._fd("losses"), _possible_cpus()
        reasons = self._layouts.enumeration("loss")
        return {
            name.removeprefix("LOSS_").lower(): count
            for name, index in reasons.items()
            if name != "LOSS_REASONS" and (count := read_cpus(fd, index, cpus))
        }

    def close(self) -> None:
        """Detach and unload."""
        self._programs.close()


def _raw_btf(opened: Any) -> bytes:
    size = ffi.new("unsigned *")
    raw = library().btf__raw_data(library().bpf_object__btf(opened), size)
    return bytes(ffi.buffer(raw, size[0]))


def _possible_cpus() -> int:
    """How many values a per-CPU map holds: the highest possible CPU plus one."""
    text = Path("/sys/devices/system/cpu/possible").read_text().strip()
    return int(text.rpartition("-")[2].rpartition(",")[2]) + 1
