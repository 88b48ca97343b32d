"""
Word of files that are written to, at once.

In: open files.  Out: a descriptor that is readable when one of them changes. Where the kernel has
no room for another one, it is found to have changed when somebody looks at it.
"""

import contextlib
import os
import struct
from functools import cache
from typing import Any

import cffi

MODIFIED = 2
EVENT = struct.Struct("<iIII")
EVENTS_BYTES = 4096

EVERY = -1
"""Instead of one file: there was more to say than the kernel had room for."""

_calls = cffi.FFI()
_calls.cdef(
    """
    int inotify_init1(int flags);
    int inotify_add_watch(int changes, const char *path, uint32_t events);
    int inotify_rm_watch(int changes, int watch);
    """
)


@cache
def _libc() -> Any:
    return _calls.dlopen(None)


class Changes:
    """Who is told of changes; -1 is nobody."""

    def __init__(self) -> None:
        self.fd = int(_libc().inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))

    def add(self, fd: int) -> int:
        """Listen for this file; the result is what `remove` wants."""
        return int(_libc().inotify_add_watch(self.fd, b"/proc/self/fd/%d" % fd, MODIFIED))

    def remove(self, watch: int) -> None:
        """Listen no more."""
        _libc().inotify_rm_watch(self.fd, watch)

    def take(self) -> frozenset[int]:
        """Files that were written to since the last time, by what `add` gave; or `EVERY`."""
        with contextlib.suppress(OSError):  # nothing was, or nobody is told
            events = os.read(self.fd, EVENTS_BYTES)
            return frozenset(watch for watch, *_ in EVENT.iter_unpack(events))
        return frozenset()

    def close(self) -> None:
        """Listen to nothing; closing twice is fine."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
