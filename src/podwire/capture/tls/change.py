"""
Word of files that are written to, at once.

In: open files.  Out: a descriptor that is readable when one of them changes. Where the kernel has
no room for another one, it is found to have changed when somebody looks at it.
"""

import contextlib
import os
from functools import cache
from typing import Any

import cffi

MODIFIED = 2
EVENTS_BYTES = 4096

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

    def take(self) -> bool:
        """Whether something changed since the last time."""
        with contextlib.suppress(OSError):  # nothing did, or nobody is told
            return bool(os.read(self.fd, EVENTS_BYTES))
        return False

    def close(self) -> None:
        """Listen to nothing; closing twice is fine."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
