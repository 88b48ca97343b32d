"""
The kernel as the agent sees it: watch processes, drain what they said.

In: `bpf/socket.bpf.c`, compiled.  Out: `model.Flow`; satisfies `agent.source.FlowSource`.
Programs are loaded and attached while somebody is watched, and gone otherwise.
"""

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from podwire.capture import decode
from podwire.capture.increase import Increase
from podwire.capture.layout import Layouts
from podwire.capture.library import Unavailable, checked, ffi, library, text
from podwire.capture.table import Array, Table, read_cpus
from podwire.model.flow import Flow

OBJECT = Path(__file__).parent / "object" / "socket.bpf.o"
VMLINUX = Path("/sys/kernel/btf/vmlinux")
IDLE_READINGS = 150
TYPEDEF = 8


def check_system() -> None:
    """Raises `Unavailable` when this system cannot load BPF, naming the first thing to mend."""
    if os.geteuid() != 0:
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

    def __init__(self) -> None:
        check_system()
        self._program: _Program | None = None
        self._lost: Counter[str] = Counter()
        _Program().close()  # what would fail at the first task fails now

    def watch(self, pids: Collection[int]) -> None:
        if not pids:
            self.close()
            return
        if self._program is None:
            self._program = _Program()
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

    def __init__(self) -> None:
        self._links: list[Any] = []
        self._object = library().bpf_object__open_file(os.fsencode(OBJECT), ffi.NULL)
        if not self._object:
            raise Unavailable(f"{OBJECT} is not a BPF object; run: make bpf")
        self._leave_out_missing_hooks()
        code = library().bpf_object__load(self._object)
        if code < 0:
            self.close()
            raise Unavailable(
                f"the kernel refused the BPF programs: {os.strerror(-code)}; run: podwire doctor"
            )
        self._layouts = Layouts(_raw_btf(self._object))
        self._watched = Table(self._fd("watched"), np.dtype("<u4"), np.dtype("<u4"))
        self._flows = self._table("flows", "flow_key", "flow")
        status = self._layouts.structure("status_key")
        self._statuses = Table(self._fd("statuses"), status, np.dtype("<u8"))
        self._flow_increase, self._status_increase = Increase(), Increase()

    def _leave_out_missing_hooks(self) -> None:
        """A tracepoint that this kernel lacks costs its own metric, nothing else."""
        kernel = library().btf__load_vmlinux_btf()
        if not kernel:
            raise Unavailable(f"{VMLINUX} cannot be read; run: podwire doctor")
        for program in self._programs():
            kind, _, name = _section(program).partition("/")
            type_name = f"btf_trace_{name}".encode()
            if kind == "tp_btf":
                found = library().btf__find_by_name_kind(kernel, type_name, TYPEDEF)
                library().bpf_program__set_autoload(program, found >= 0)
        library().btf__free(kernel)

    def _programs(self) -> list[Any]:
        found, program = [], ffi.NULL
        while program := library().bpf_object__next_program(self._object, program):
            found.append(program)
        return found

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
        if not self._links:
            self._attach()
        self._survey()

    def _attach(self) -> None:
        for program in self._programs():
            if _section(program).startswith("iter/") or not library().bpf_program__autoload(
                program
            ):
                continue
            link = library().bpf_program__attach(program)
            if not link:
                raise Unavailable(
                    f"the hook {_name(program)} cannot be attached; run: podwire doctor"
                )
            self._links.append(link)

    def _survey(self) -> None:
        """Read the iterator to its end: it shows the programs every open socket."""
        program = next(p for p in self._programs() if _name(p) == "survey")
        link = library().bpf_program__attach_iter(program, ffi.NULL)
        if not link:
            raise Unavailable("the iterator over files cannot be attached; run: podwire doctor")
        try:
            fd = checked(
                library().bpf_iter_create(library().bpf_link__fd(link)), "starting an iterator"
            )
            with os.fdopen(fd, "rb", buffering=0) as iterator:
                while iterator.read(4096):
                    pass
        finally:
            library().bpf_link__destroy(link)

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
        while self._links:
            library().bpf_link__destroy(self._links.pop())
        if self._object:
            library().bpf_object__close(self._object)
            self._object = ffi.NULL


def _name(program: Any) -> str:
    return text(library().bpf_program__name(program))


def _section(program: Any) -> str:
    return text(library().bpf_program__section_name(program))


def _raw_btf(opened: Any) -> bytes:
    size = ffi.new("unsigned *")
    raw = library().btf__raw_data(library().bpf_object__btf(opened), size)
    return bytes(ffi.buffer(raw, size[0]))


def _possible_cpus() -> int:
    """How many values a per-CPU map holds: the highest possible CPU plus one."""
    text = Path("/sys/devices/system/cpu/possible").read_text().strip()
    return int(text.rpartition("-")[2].rpartition(",")[2]) + 1
