"""
Keeps the TLS libraries of watched processes probed: new processes, and libraries mapped late.

In: who is watched, and a finder of their binaries.  Out: probes. It works beside everything else,
at low priority and at a bounded rate: reading a large executable for the first time takes a while.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from podwire.capture.library import Unavailable
from podwire.capture.tls.attach import File, Probes, file_of
from podwire.capture.tls.finder import Finder
from podwire.capture.tls.link import Rung
from podwire.capture.tls.point import Binary
from podwire.model.tls import Library, Reason

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""Libraries that a process maps while it runs are found this late."""

SHARE = 0.02
"""Of one core, at most, while nothing is new: with many processes it looks less often."""

SELDOM_S = 10.0
"""And even then not less often than this."""

LOW_PRIORITY = 10


class Finds(Protocol):
    """Knows the binaries of processes."""

    def find(self, pid: int) -> Sequence[Binary]:
        """The binaries of a process that have TLS in them, readable or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What finds the libraries, and how probes may hang in them."""

    finder: Finds = field(default_factory=Finder)
    rungs: Sequence[Rung] = tuple(Rung)


class Follower:
    """A thread of its own, from the first `look` to `close`."""

    def __init__(
        self,
        finder: Finds,
        open_probes: Callable[[], Probes],
        watched: Callable[[], Collection[int]],
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._finder = finder
        self._open_probes = open_probes
        self._watched = watched
        self._every_s = every_s
        self._probes: Probes | None = None
        self._why = ""
        self._asked, self._done = 0, 0
        self._is_closed = False
        self._change = threading.Condition()
        self._probing = threading.Lock()
        self._thread: threading.Thread | None = None
        self.binaries: Mapping[int, Sequence[Binary]] = {}
        """By process: the binaries that were found at the last look."""

    def look(self) -> None:
        """There may be other processes than before; returns at once."""
        with self._change:
            self._asked += 1
            self._change.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="podwire-tls", daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Whether what was asked for until now was looked at within the time."""
        with self._change:
            asked = self._asked
            return self._change.wait_for(lambda: self._done >= asked, timeout_s)

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)
        while not self._is_closed:
            asked, before, began_s = self._asked, self.binaries, time.thread_time()
            try:
                found = self._look()
                with self._probing:
                    self._take(found)
            except Exception:
                log.exception("TLS libraries are not followed for now; trying again")
            used_s = time.thread_time() - began_s if self.binaries == before else 0
            self._rest(asked, min(max(self._every_s, used_s / SHARE), SELDOM_S))

    def _rest(self, done: int, most_s: float) -> None:
        """Until somebody asks, or it is time to look again."""
        with self._change:
            self._done = done
            self._change.notify_all()
            self._change.wait_for(lambda: self._is_closed or self._asked > done, most_s)

    def _look(self) -> dict[int, Sequence[Binary]]:
        with self._probing:
            pids = () if self._is_closed else self._watched()
        return {pid: tuple(self._finder.find(pid)) for pid in pids if not self._is_closed}

    def _take(self, binaries: Mapping[int, Sequence[Binary]]) -> None:
        if self._is_closed:
            return
        gone = self.binaries.keys() - binaries.keys()
        self.binaries = binaries
        readable = [each for found in binaries.values() for each in found if each.points]
        if self._probes is None and readable and not self._why:
            try:
                self._probes = self._open_probes()
            except Unavailable as error:
                self._why = str(error)
                log.warning("%s; run: podwire doctor", error)
        if self._probes:
            self._probes.attach(readable)
            if gone:
                self._probes.forget(gone)

    @property
    def attached(self) -> frozenset[File]:
        """The files that are probed."""
        return self._probes.attached if self._probes else frozenset()

    @property
    def refusals(self) -> Mapping[File, str]:
        """Files that the kernel does not let us probe, and why."""
        if self._probes:
            return dict(self._probes.refused)
        each = (binary for found in self.binaries.values() for binary in found if binary.points)
        return {file_of(binary): self._why for binary in each} if self._why else {}

    def libraries(self) -> dict[int, tuple[Library, ...]]:
        """What the processes have of TLS at the last look, and whether it is read."""
        binaries, attached, refused = self.binaries, self.attached, self.refusals
        return {
            pid: tuple(_library(each, attached, refused) for each in found)
            for pid, found in binaries.items()
        }

    def close(self) -> None:
        """Detach everything; closing twice is fine."""
        with self._change:
            self._is_closed = True
            self._change.notify_all()
        with self._probing:  # the thread may look through a large file for a while yet
            if self._probes:
                self._probes.close()
                self._probes = None


def _library(binary: Binary, attached: Collection[File], refused: Collection[File]) -> Library:
    """Between being found and being probed, nobody has read of it."""
    file = file_of(binary)
    probed = None if file in attached else Reason.REFUSED if file in refused else Reason.UNSEEN
    return Library(binary.name, binary.library, binary.reason or probed)
