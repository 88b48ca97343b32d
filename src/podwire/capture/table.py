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

    def put(self, key: Array, value: Array) -> None:
        """Insert or replace one entry; both arrays hold one element."""
        code = library().bpf_map_update_elem(self._fd, _pointer(key), _pointer(value), 0)
        checked(code, "writing a map")

    def remove(self, key: Array) -> None:
        """Remove one entry; one that is not there is fine."""
        library().bpf_map_delete_elem(self._fd, _pointer(key))


def _pointer(array: Array) -> Any:
    return ffi.cast("void *", array.ctypes.data)


def read_cpus(fd: int, index: int, cpus: int) -> int:
    """The sum over all CPUs of one u64 of a per-CPU array."""
    key, values = np.array([index], np.uint32), np.zeros(cpus, np.uint64)
    checked(library().bpf_map_lookup_elem(fd, _pointer(key), _pointer(values)), "reading losses")
    return int(values.sum())
