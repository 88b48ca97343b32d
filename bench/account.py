"""
What the kernel says of BPF objects: their run time, their size, what their maps hold.

In: descriptors of this or another process.  Out: numbers.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BPF = 321
MAP_GET_NEXT_KEY, MAP_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 4, 14, 15
STATISTICS = Path("/proc/sys/kernel/bpf_stats_enabled")
LIBC = ctypes.CDLL(None, use_errno=True)
HASH = "1"


def bpf(command: int, attributes: bytes) -> int:
    """The system call. Raises OSError."""
    padded = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = int(LIBC.syscall(BPF, command, padded, 128))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


@contextmanager
def statistics() -> Iterator[None]:
    """Let the kernel account for the run time of BPF programs meanwhile."""
    before = STATISTICS.read_text()
    STATISTICS.write_text("1")
    try:
        yield
    finally:
        STATISTICS.write_text(before)


def run_time() -> tuple[int, int]:
    """Nanoseconds and runs of every BPF program that this process holds."""
    held = [each for each in accounts("prog_id").values() if "prog_type" in each]
    return (
        sum(int(each["run_time_ns"]) for each in held),
        sum(int(each["run_cnt"]) for each in held),
    )


def account(fd: int, pid: str = "self") -> dict[str, str]:
    """What the kernel says of an open BPF object."""
    text = Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def accounts(kind: str, pid: str = "self") -> dict[int, dict[str, str]]:
    """Descriptors of a process whose account has a field, with their accounts; `map_id`, ..."""
    found: dict[int, dict[str, str]] = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            fields = account(int(entry.name), pid)
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
        if kind in fields:
            found[int(entry.name)] = fields
    return found


def describe(fd: int) -> tuple[str, int]:
    """A program's name and how many instructions it has."""
    info = ctypes.create_string_buffer(256)
    bpf(OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", fd, 256, ctypes.addressof(info)))
    (size,) = struct.unpack_from("<I", info.raw, 20)
    return info.raw[64:80].split(b"\0")[0].decode(), size // 8


def entries(map_id: int, key_size: int, most: int = 200_000) -> int:
    """How many keys a map of another process holds."""
    fd = bpf(MAP_GET_FD_BY_ID, struct.pack("<I", map_id))
    try:
        return sum(1 for _ in _keys(fd, key_size, most))
    finally:
        os.close(fd)


def _keys(fd: int, key_size: int, most: int) -> Iterator[bytes]:
    key, following = (ctypes.create_string_buffer(key_size) for _ in range(2))
    start = 0
    for _ in range(most):
        try:
            bpf(MAP_GET_NEXT_KEY, struct.pack("<IIQQ", fd, 0, start, ctypes.addressof(following)))
        except FileNotFoundError:
            return
        key.raw = following.raw
        start = ctypes.addressof(key)
        yield key.raw


def maps_of(pid: int) -> dict[int, dict[str, str]]:
    """The BPF maps that a process holds, by their id."""
    held = accounts("map_id", str(pid)).values()
    return {int(each["map_id"]): each for each in held if "map_type" in each}


def memory_of_maps(pid: int) -> int:
    return sum(int(each["memlock"]) for each in maps_of(pid).values())


def entries_of(pid: int) -> dict[str, int]:
    """How many keys each hash map of a process holds, by its id, and all together."""
    found = {
        str(number): entries(number, int(each["key_size"]))
        for number, each in maps_of(pid).items()
        if each["map_type"] == HASH
    }
    return found | {"all": sum(found.values())}
