"""
How much of the node's memory our maps may take, and so how much they hold.

In: the node's memory.  Out: sizes, set in the object before it is loaded.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podwire.capture.layout import Layouts
from podwire.capture.library import checked, ffi, library

MB = 1 << 20
SHARE = 256
"""The maps get one part in so many of the node's memory,"""
LEAST_BYTES, MOST_BYTES = 8 * MB, 96 * MB
"""but never less or more than this, all maps together."""

FLOW_BYTES = 1800
"""What a flow takes in its map and in the index of it."""

PAGE_BYTES = 4096 + 480
"""A recorded page, and what is known of it."""

RECORD_SHARE = 512
MOST_RECORD_BYTES = 32 * MB
"""One part in so many of the node's memory, and no more than this, records messages."""

SOCKET_BYTES = 1400
"""What an open connection takes in the maps that know it, by its socket and by its ends."""

PID_MAX = Path("/proc/sys/kernel/pid_max")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of each there is room for."""

    flows: int
    sockets: int
    pids: int
    pages: int
    """For messages that are being recorded."""

    @property
    def bytes(self) -> int:
        """The stated total: no more than this is taken when everything is full."""
        known = self.flows * FLOW_BYTES + self.sockets * SOCKET_BYTES + self.pids // 8
        return known + self.pages * PAGE_BYTES


def sizes_for(memory_bytes: int, pids: int) -> Sizes:
    """
    Two fifths for flows, the rest for connections; beside them pages to record in.

    >>> sizes_for(4 << 30, 32768)
    Sizes(flows=3728, sockets=10066, pids=32768, pages=1792)
    """
    budget = min(max(memory_bytes // SHARE, LEAST_BYTES), MOST_BYTES)
    flows, sockets = budget * 2 // 5 // FLOW_BYTES, budget * 3 // 5 // SOCKET_BYTES
    pages = min(max(memory_bytes // RECORD_SHARE, LEAST_BYTES), MOST_RECORD_BYTES) // PAGE_BYTES
    return Sizes(flows, sockets, pids, pages)


def node_sizes() -> Sizes:
    """For the node we run on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return sizes_for(memory, int(PID_MAX.read_text()))


def fit(opened: Any, layouts: Layouts, sizes: Sizes) -> None:
    """Give an object that is not loaded yet its sizes; no process gets more than its share."""
    for name, entries in {
        "flows": sizes.flows,
        "slots": sizes.flows,
        "vacant": sizes.flows,
        "reasons": sizes.flows,
        "connections": sizes.sockets,
        "tuples": sizes.sockets,
        "sessions": sizes.sockets,
        "marks": (sizes.pids + 63) // 64,
        "pages": sizes.pages,
        "heads": sizes.pages,
        "free_pages": sizes.pages,
    }.items():
        code = library().bpf_map__set_max_entries(_map(opened, name), entries)
        checked(code, f"setting the size of {name}")
    for name, value in limits(sizes).items():
        turn(opened, layouts, name, value)


def limits(sizes: Sizes) -> Mapping[str, int]:
    """What every object that counts in these maps must know of their sizes."""
    return {
        "flow_slots": sizes.flows,
        "flows_of_process": sizes.flows // 4,
        "sockets_of_process": sizes.sockets // 2,
    }


def turn(opened: Any, layouts: Layouts, knob: str, value: int) -> None:
    """Set a knob, a 32-bit constant of the object, before it is loaded."""
    place = library().bpf_map__initial_value(_map(opened, ".rodata"), ffi.new("size_t *"))
    at = layouts.offset(".rodata", knob)
    ffi.memmove(ffi.cast("char *", place) + at, value.to_bytes(4, "little"), 4)


def _map(opened: Any, name: str) -> Any:
    found = library().bpf_object__find_map_by_name(opened, name.encode())
    if not found:
        raise KeyError(name)
    return found
