"""
BPF maps, read whole.

In: a map's file descriptor and the dtypes of its keys and values.  Out: NumPy arrays.
"""

import errno
from typing import Any

import numpy as np

from podwire.capture.library import checked, ffi, library

BATCH = 1024
Array = np.ndarray[Any, np.dtype[Any]]


class Table:
    """A hash map."""

    def __init__(self, fd: int, key: np.dtype[Any], value: np.dtype[Any]) -> None:
        self._fd = fd
        self.key = key
        self.value = value

    def read(self) -> tuple[Array, Array]:
        """All keys and values; what is added or removed meanwhile may or may not be there."""
        keys, values = [], []
        cursor, following = ffi.new("char[]", 64), ffi.new("char[]", 64)
        start = ffi.NULL
        room = BATCH
        while True:
            key, value = np.empty(room, self.key), np.empty(room, self.value)
            count = ffi.new("unsigned *", room)
            code = library().bpf_map_lookup_batch(
                self._fd, start, following, _pointer(key), _pointer(value), count, ffi.NULL
            )
            if code == -errno.ENOSPC:  # one bucket of the hash holds more than there is room
                room *= 2
                continue
            if code != -errno.ENOENT:
                checked(code, "reading a map")
            keys.append(key[: count[0]])
            values.append(value[: count[0]])
            if code:
                return np.concatenate(keys), np.concatenate(values)
            cursor, following = following, cursor
            start = cursor

    def get(self, key: Array) -> Any:
        """The value of a key as a scalar, or None; the key is an array of one element."""
        value = np.zeros(1, self.value)
        if library().bpf_map_lookup_elem(self._fd, _pointer(key), _pointer(value)):
            return None
        return value[0]

    def put(self, key: Array, value: Array) -> None:
        """Insert or replace one entry; both arrays hold one element."""
        code = library().bpf_map_update_elem(self._fd, _pointer(key), _pointer(value), 0)
        checked(code, "writing a map")

    def put_all(self, keys: Array, values: Array) -> None:
        """Insert or replace many entries."""
        if not len(keys):
            return
        count = ffi.new("uint32_t *", len(keys))
        code = library().bpf_map_update_batch(
            self._fd, _pointer(keys), _pointer(values), count, ffi.NULL
        )
        checked(code, "writing a map")

    def remove(self, key: Array) -> None:
        """Remove one entry; one that is not there is fine."""
        library().bpf_map_delete_elem(self._fd, _pointer(key))

    def remove_all(self, keys: Array) -> None:
        """Remove many entries; those that are not there are fine."""
        while len(keys):
            count = ffi.new("uint32_t *", len(keys))
            code = library().bpf_map_delete_batch(self._fd, _pointer(keys), count, ffi.NULL)
            if code != -errno.ENOENT:
                checked(code, "removing from a map")
                return
            keys = keys[count[0] + 1 :]  # the kernel stops at the first that is not there


def _pointer(array: Array) -> Any:
    return ffi.cast("void *", array.ctypes.data)


def read_part(fd: int, first: int, count: int, value: np.dtype[Any]) -> Array:
    """So many elements of an array map, from one on."""
    keys, values = np.zeros(count, np.uint32), np.zeros(count, value)
    room, cursor = ffi.new("unsigned *", count), ffi.new("char[]", 64)
    before = ffi.new("uint32_t *", first - 1) if first else ffi.NULL
    code = library().bpf_map_lookup_batch(
        fd, before, cursor, _pointer(keys), _pointer(values), room, ffi.NULL
    )
    if code != -errno.ENOENT:  # the map ends there
        checked(code, "reading an array")
    return values[: room[0]]


def append(fd: int, values: Array) -> None:
    """Put elements at the end of a queue, or on a stack."""
    at, lib = values.ctypes.data, library()
    for place in range(at, at + values.nbytes, values.itemsize):
        code = lib.bpf_map_update_elem(fd, ffi.NULL, ffi.cast("void *", place), 0)
        checked(code, "filling a queue")


def read_each_cpu(fd: int, index: int, cpus: int, value: np.dtype[Any]) -> Array:
    """One element of a per-CPU array, of every CPU."""
    key, values = np.array([index], np.uint32), np.zeros(cpus, value)
    code = library().bpf_map_lookup_elem(fd, _pointer(key), _pointer(values))
    checked(code, "reading a per-CPU array")
    return values


def read_cpus(fd: int, index: int, cpus: int) -> int:
    """The sum over all CPUs of one u64 of a per-CPU array."""
    return int(read_each_cpu(fd, index, cpus, np.dtype("<u8")).sum())
