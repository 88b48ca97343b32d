"""
The HTTP machine of `bpf/`, played through BPF_PROG_TEST_RUN.

In: calls.  Out: the same counts as the model's, read from the kernel's maps.
"""

import os
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from hatch_build import TEST_OBJECTS, build_bpf_tests

from fuzz.model import Call, Counts
from podwire.capture.layout import Layouts
from podwire.capture.library import checked, ffi, library
from podwire.capture.table import Table, read_cpus

OBJECT = TEST_OBJECTS / "http_test.bpf.o"
CALL, VECTORS, HIDDEN, END, CLOSE = range(5)
CLIENT, SERVER = 1, 2
STEP = np.dtype(
    [(name, "<u8") for name in ("sk", "base", "length", "vectors", "start_ns", "now_ns")]
    + [("direction", "<u4"), ("kind", "<u4")]
)
VECTOR = np.dtype([("base", "<u8"), ("length", "<u8")])
SK = np.array([4711], "<u8")


class _Array:
    """An array map, one element at a time."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def look_up(self, index: Any, value: Any) -> None:
        code = library().bpf_map_lookup_elem(self._fd, *self._pointers(index, value))
        checked(code, "reading a flow")

    def put(self, index: Any, value: Any) -> None:
        code = library().bpf_map_update_elem(self._fd, *self._pointers(index, value), 0)
        checked(code, "clearing a flow")

    def _pointers(self, index: Any, value: Any) -> tuple[Any, Any]:
        self._index = np.array([index], np.uint32)
        return (
            ffi.cast("void *", self._index.ctypes.data),
            ffi.cast("void *", value.ctypes.data),
        )


class Machine:
    """The loaded test object; every play begins with a new connection."""

    def __init__(self) -> None:
        build_bpf_tests()
        self._object = library().bpf_object__open_file(os.fsencode(OBJECT), ffi.NULL)
        checked(library().bpf_object__load(self._object), "loading the test object")
        program = library().bpf_object__next_program(self._object, ffi.NULL)
        self._program = library().bpf_program__fd(program)
        size = ffi.new("unsigned *")
        raw = library().btf__raw_data(library().bpf_object__btf(self._object), size)
        layouts = Layouts(bytes(ffi.buffer(raw, size[0])))
        self._reasons = {
            name.removeprefix("LOSS_").lower(): index
            for name, index in layouts.enumeration("loss").items()
            if name != "LOSS_REASONS"
        }
        self._connections = Table(
            self._fd("connections"), SK.dtype, layouts.structure("connection")
        )
        self._slots = Table(self._fd("slots"), layouts.structure("flow_key"), np.dtype("<u4"))
        self._flow = np.zeros(1, layouts.structure("flow"))
        self._flows = _Array(self._fd("flows"))
        self._loss_fd = self._fd("losses")
        self._step = np.zeros(1, STEP)
        self._options: Any = ffi.new(
            "struct bpf_test_run_opts *",
            {
                "sz": ffi.sizeof("struct bpf_test_run_opts"),
                "ctx_in": ffi.cast("void *", self._step.ctypes.data),
                "ctx_size_in": STEP.itemsize,
            },
        )
        self._cpus = os.sysconf("SC_NPROCESSORS_CONF")
        self._lost = self._losses()

    def _fd(self, name: str) -> int:
        found = library().bpf_object__find_map_fd_by_name(self._object, name.encode())
        return checked(found, f"map {name}")

    def open(self, *, is_client: bool, is_from_middle: bool = False) -> None:
        """Begin a connection."""
        connection = np.zeros(1, self._connections.value)
        connection["key"]["pid"] = 1
        connection["key"]["role"] = CLIENT if is_client else SERVER
        connection["is_from_middle"] = is_from_middle
        connection["is_classified"] = 1
        self._connections.put(SK, connection)

    def take(self, call: Call) -> None:
        """One call's bytes."""
        memory = ffi.from_buffer(call.data)
        base = int(ffi.cast("uintptr_t", memory))
        if call.is_hidden:
            self._play(call, HIDDEN, base)
        elif call.cuts:
            places = [0, *call.cuts, len(call.data)]
            vectors = np.array([(base + a, b - a) for a, b in pairwise(places)], VECTOR)
            self._play(call, VECTORS, vectors.ctypes.data, len(vectors))
        else:
            self._play(call, CALL, base)

    def end(self, call: Call) -> None:
        """No more bytes this way."""
        self._play(call, END, 0)

    def close(self, *, is_client: bool) -> None:
        """The connection is over."""
        self._play(Call(is_sent=is_client, data=b""), CLOSE, 0)

    def _play(self, call: Call, kind: int, base: int, vectors: int = 0) -> None:
        self._step[0] = (
            *(SK[0], base, len(call.data), vectors),
            *(call.start_ns, call.now_ns, not call.is_sent, kind),
        )
        code = library().bpf_prog_test_run_opts(self._program, self._options)
        checked(code, "playing a call")
        assert 0 == self._options.retval

    @property
    def counts(self) -> Counts:
        """What was counted since this was last asked."""
        counts = Counts()
        _, slots = self._slots.read()
        for slot in slots:
            self._flows.look_up(slot, self._flow)
            _add(counts, self._flow[0])
            key = self._flow["key"].copy()
            self._flow[:] = 0
            self._flow["key"] = key
            self._flows.put(slot, self._flow)
        before, self._lost = self._lost, self._losses()
        counts.losses = self._lost - before
        return counts

    def _losses(self) -> Counter[str]:
        return Counter(
            {
                name: read_cpus(self._loss_fd, index, self._cpus)
                for name, index in self._reasons.items()
            }
        )


def _add(counts: Counts, flow: Any) -> None:
    counts.requests += int(flow["request_sizes"].sum())
    counts.request_bytes += int(flow["request_bytes"])
    for status in flow["statuses"]:
        counts.responses[int(status["code"])] += int(status["count"])
    counts.response_bytes += int(flow["response_bytes"])
    counts.duration_ns += int(flow["duration_ns"])
    counts.unanswered += int(flow["unanswered"])
    counts.unpaired += int(flow["unpaired"])


def play(machine: Any, calls: Iterable[Call], *, is_client: bool, ends: Iterable[Call] = ()) -> Any:
    """Everything of one connection through the machine or the model; what was counted."""
    for call in calls:
        machine.take(call)
    for call in ends:
        machine.end(call)
    machine.close(is_client=is_client)
    return machine.counts
