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
from podwire.capture.tls.bell import Bell
from podwire.capture.tls.finder import Finder
from podwire.capture.tls.link import Rung
from podwire.capture.tls.point import Binary
from podwire.model.tls import Library, Reason

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""Libraries that a process maps while it runs are found this late."""

LINGER_S = 60.0
MOST_LINGERING = 64
"""Files at a time: those of pods that restart with new images do not come back."""

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
    linger_s: float = LINGER_S
    """Probes stay so long after the last process that used their file."""


class Follower:
    """A thread of its own, from the first `look` to `close`."""

    def __init__(
        self,
        means: Means,
        open_probes: Callable[[], Probes],
        watched: Callable[[], Collection[int]],
        newcomers: int,
    ) -> None:
        self._means = means
        self._open_probes = open_probes
        self._watched = watched
        self._probes: Probes | None = None
        self._used: dict[File, tuple[Binary, float]] = {}
        self._why = ""
        self._asked, self._done = 0, 0
        self._is_closed = False
        self._change = threading.Condition()
        self._probing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._bell = Bell(newcomers)
        self.binaries: Mapping[int, Sequence[Binary]] = {}
        """By process: the binaries that were found at the last look."""

    def look(self) -> None:
        """There may be other processes than before; returns at once."""
        with self._change:
            self._asked += 1
        self._bell.ring()
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
            self._try(self._look)
            with self._change:
                self._done = asked
                self._change.notify_all()
            used_s = time.thread_time() - began_s if self.binaries == before else 0
            self._rest(asked, min(max(EVERY_S, used_s / SHARE), SELDOM_S))
        self._bell.close()

    def _rest(self, done: int, most_s: float) -> None:
        """
        Until somebody asks, or it is time to look again.

        Meanwhile who begins to speak is looked at, and a file that is written to loses its probes.
        """
        until_s = time.monotonic() + most_s
        while not self._is_closed and (left_s := until_s - time.monotonic()) > 0:
            self._bell.wait(left_s, *self._changes())
            if self._is_closed or self._asked > done:
                return
            self._try(self._look_at_news)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            log.exception("TLS libraries are not followed for now; trying again")

    def _look(self) -> None:
        with self._probing:
            pids = () if self._is_closed else self._watched()
        self._take(self._find(pids))

    def _look_at_news(self) -> None:
        with self._probing:
            pids = set() if self._is_closed else self._bell.take()
            is_changed = self._probes is not None and self._probes.hear()
        new = [pid for pid in pids if not self._is_probed(pid)]
        if new or is_changed:
            self._take({**self.binaries, **self._find(new)})

    def _changes(self) -> tuple[int, ...]:
        with self._probing:
            fd = self._probes.changes.fd if self._probes else -1
        return (fd,) if fd >= 0 else ()

    def _find(self, pids: Collection[int]) -> dict[int, Sequence[Binary]]:
        return {pid: tuple(self._means.finder.find(pid)) for pid in pids if not self._is_closed}

    def _is_probed(self, pid: int) -> bool:
        return any(file_of(each) in self.attached for each in self.binaries.get(pid, ()))

    def _take(self, binaries: Mapping[int, Sequence[Binary]]) -> None:
        with self._probing:
            if self._is_closed:
                return
            gone = self.binaries.keys() - binaries.keys()
            self.binaries = binaries
            wanted = self._wanted(binaries)
            if self._probes is None and wanted and not self._why:
                self._open()
            if self._probes:
                self._probes.attach(wanted)
                self._probes.forget(gone)

    def _wanted(self, binaries: Mapping[int, Sequence[Binary]]) -> list[Binary]:
        """What is used, and what was a moment ago: programs that live shortly come back."""
        now_s = time.monotonic()
        found = (each for several in binaries.values() for each in several if each.points)
        used = {file_of(each): (each, now_s) for each in found}
        idle = [
            (file, kept)
            for file, kept in self._used.items()
            if file not in used and now_s - kept[1] <= self._means.linger_s
        ]
        idle.sort(key=lambda each: each[1][1])
        self._used = dict(idle[-MOST_LINGERING:]) | used
        return [binary for binary, _ in self._used.values()]

    def _open(self) -> None:
        try:
            self._probes = self._open_probes()
        except Unavailable as error:
            self._why = str(error)
            log.warning("%s; run: podwire doctor", error)

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
        with self._probing:  # the thread may look through a large file for a while yet
            if self._is_closed:
                return
            if self._probes:
                self._probes.close()
                self._probes = None
            self._bell.still()
            self._is_closed = True  # from here on the thread may end, and with it the bell
        if self._thread is None:
            self._bell.close()


def _library(binary: Binary, attached: Collection[File], refused: Collection[File]) -> Library:
    """Between being found and being probed, nobody has read of it."""
    file = file_of(binary)
    probed = None if file in attached else Reason.REFUSED if file in refused else Reason.UNSEEN
    return Library(binary.name, binary.library, binary.reason or probed)
