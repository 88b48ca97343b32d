"""
What wakes the follower of TLS libraries: somebody asks, or a process begins to speak TLS.

In: the kernel's ring of newcomers.  Out: their pids.
"""

import os
import select
from typing import Any

from podwire.capture.library import ffi, library, made


class Bell:
    """Rung by any thread, heard by one."""

    def __init__(self, newcomers: int) -> None:
        self._pids: set[int] = set()
        self._heard = ffi.callback("int(void *, void *, size_t)", self._hear)
        ring = library().ring_buffer__new(newcomers, self._heard, ffi.NULL, ffi.NULL)
        self._ring = made(ring, "hearing of who speaks TLS")
        self._news = int(library().ring_buffer__epoll_fd(self._ring))
        self._rung = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def _hear(self, context: Any, data: Any, size: int) -> int:
        del context, size
        self._pids.add(int(ffi.cast("uint32_t *", data)[0]))
        return 0

    def ring(self) -> None:
        """Wake whoever waits, or will."""
        os.eventfd_write(self._rung, 1)

    def wait(self, timeout_s: float, *others: int) -> None:
        """Until it is rung, there are newcomers, another file is readable, or the time is over."""
        waiting = select.poll()
        for fd in (self._rung, self._news, *others):
            waiting.register(fd, select.POLLIN)
        for fd, _ in waiting.poll(timeout_s * 1000):
            if fd == self._rung:
                os.eventfd_read(self._rung)

    def take(self) -> set[int]:
        """The newcomers since the last time."""
        library().ring_buffer__consume(self._ring)
        found, self._pids = self._pids, set()
        return found

    def still(self) -> None:
        """Wake whoever waits for the last time; the kernel's map may go now."""
        self.ring()
        library().ring_buffer__free(self._ring)

    def close(self) -> None:
        """Nobody waits any more."""
        os.close(self._rung)
