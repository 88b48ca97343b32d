"""
File systems that lie upon others, as those of containers do: one file, a device in each of them.

In: an open file.  Out: the device by which to tell it from others.
"""

import os
from functools import cache
from typing import Any

import cffi

OVERLAY = 0x794C7630
"""What the kernel calls the kind of file system that puts images below containers."""

ANY_LAYER = 0
"""The device of what is on one: number, size and time of change tell such a file."""

STATFS_BYTES = 128

_calls = cffi.FFI()
_calls.cdef("int fstatfs(int file, void *said);")


@cache
def _libc() -> Any:
    return _calls.dlopen(None)


def device_of(fd: int) -> int:
    """The same for one file of an image, whichever container shows it. Raises OSError."""
    said = _calls.new("char[]", STATFS_BYTES)
    if _libc().fstatfs(fd, said):
        raise OSError(_calls.errno, os.strerror(_calls.errno))
    kind = _calls.cast("uint64_t *", said)[0]
    return ANY_LAYER if kind == OVERLAY else os.fstat(fd).st_dev
