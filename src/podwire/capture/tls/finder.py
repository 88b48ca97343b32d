"""
What a process has of TLS: its program and its libraries, each looked through once.

In: pids.  Out: `Binary` values. What a file has is kept by the file, never by the process; looking
takes a fifth of a core at most, and a file that cannot be read costs its own plaintext only.
"""

import logging
import os
import stat
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from podwire.capture.tls.elf import Unreadable
from podwire.capture.tls.layer import device_of
from podwire.capture.tls.mapping import Mapped, mapped_in, read_maps
from podwire.capture.tls.point import Binary
from podwire.capture.tls.scan import Scan, scan
from podwire.model.tls import WORDS, Reason

log = logging.getLogger(__name__)

SHARE = 0.2
"""Of one core, while files are looked through."""

BREATH_S = 0.005
"""Computing time after which it rests."""

MOST_FILES = 4096
MOST_MAPPED = 1024
"""Of one process; some hundred are usual. One process keeps the looker from others no longer."""

MOST_PROCESSES = 1024
SAY_EVERY_S = 60.0

FileKey = tuple[int, int, int, int]


class Pace:
    """Rests after each bit of work so long that only a share of one core is taken."""

    def __init__(self, share: float = SHARE, sleep: Callable[[float], None] = time.sleep) -> None:
        self._rest = (1 - share) / share
        self._sleep = sleep
        self._rested_at = 0.0

    def begin(self) -> None:
        """Work begins, in the thread that calls."""
        self._rested_at = time.thread_time()

    def pause(self) -> None:
        """Rest, if there was enough work since the last rest."""
        used = time.thread_time() - self._rested_at
        if used >= BREATH_S:
            self._sleep(used * self._rest)
            self._rested_at = time.thread_time()


@dataclass(frozen=True, slots=True)
class _Look:
    """The last look at a process, which need not be taken again while nothing changed."""

    maps: int
    binaries: tuple[Binary, ...]


class Finder:
    """Looks into processes; `proc` is where /proc of the host is. Threads may share one."""

    def __init__(
        self,
        proc: Path = Path("/proc"),
        *,
        pace: Pace | None = None,
        most_files: int = MOST_FILES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proc = proc
        self._pace = pace or Pace()
        self._most_files = most_files
        self._clock = clock
        self._said_at = -SAY_EVERY_S
        self._lock = threading.Lock()
        self._scans: OrderedDict[FileKey, Scan | None] = OrderedDict()
        self._looks: OrderedDict[int, _Look] = OrderedDict()
        self.scanned = 0
        """Files that were looked through: each once, however many run them."""

        self.refused: Counter[Reason] = Counter()
        """Files that could not be looked through, by why."""

    def statistics(self) -> Mapping[str, int]:
        """Totals since start, by name."""
        refused = {f"file_{reason}_total": count for reason, count in self.refused.items()}
        return {"file_scanned_total": self.scanned, **refused}

    def find(self, pid: int) -> tuple[Binary, ...]:
        """What it has of TLS, readable or not; nothing of one that has left."""
        with self._lock:
            try:
                maps = read_maps(self._proc / str(pid))
            except PermissionError:
                self._refuse(Reason.DENIED, f"process {pid}")
                return (_unreachable(f"process {pid}", Reason.DENIED),)
            except OSError:
                self._looks.pop(pid, None)
                return ()
            return self._look(pid, maps)

    def _look(self, pid: int, maps: bytes) -> tuple[Binary, ...]:
        before, seen = self._looks.get(pid), hash(maps)
        if before and before.maps == seen and all(map(_is_unchanged, before.binaries)):
            self._looks.move_to_end(pid)
            return before.binaries
        process = self._proc / str(pid)
        found = tuple(self._binaries(process, mapped_in(maps)))
        self._looks[pid] = _Look(seen, found)
        if len(self._looks) > MOST_PROCESSES:
            self._looks.popitem(last=False)
        return found

    def _binaries(self, process: Path, files: tuple[Mapped, ...]) -> Iterator[Binary]:
        self._pace.begin()
        for each in files[:MOST_MAPPED]:
            if there := _reached(each, process):
                yield from self._binary(*there, each.name)
            elif _is_running(process):
                self._refuse(Reason.GONE, each.name)
                yield _unreachable(each.name, Reason.GONE, each.inode)
            self._pace.pause()
        if len(files) > MOST_MAPPED:
            yield self._beyond(f"{len(files) - MOST_MAPPED} files more", files[MOST_MAPPED].inode)

    def _beyond(self, name: str, inode: int) -> Binary:
        detail = f"it is not looked into: its process maps more than {MOST_MAPPED} files"
        self._refuse(Reason.BROKEN, name, detail)
        return replace(_unreachable(name, Reason.BROKEN, inode), detail=detail)

    def _binary(self, path: Path, reached: int, name: str) -> Iterator[Binary]:
        try:
            at, device = os.fstat(reached), device_of(reached)
            found = self._scan((device, at.st_ino, at.st_ctime_ns, at.st_size), reached, name)
        except OSError as error:  # its file system has gone
            self._refuse(Reason.BROKEN, name, error.strerror)
            return
        finally:
            os.close(reached)
        if found:
            yield Binary(
                device=device,
                inode=at.st_ino,
                written_ns=at.st_mtime_ns,
                changed_ns=at.st_ctime_ns,
                build_id=found.build_id,
                path=path,
                name=name,
                family=found.family,
                library=found.library,
                points=found.points,
                layout=found.layout,
                reason=found.reason,
                detail=found.detail,
            )

    def _scan(self, key: FileKey, reached: int, name: str) -> Scan | None:
        if key in self._scans:
            self._scans.move_to_end(key)
            return self._scans[key]
        self.scanned += 1
        try:
            found = self._read(reached)
        except (Unreadable, OSError) as error:
            self._refuse(Reason.BROKEN, name, str(error))
            found = Scan("unknown", reason=Reason.BROKEN, detail=str(error))
        self._scans[key] = found
        if len(self._scans) > self._most_files:
            self._scans.popitem(last=False)
        return found

    def _read(self, reached: int) -> Scan | None:
        fd = os.open(f"/proc/self/fd/{reached}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return scan(fd, self._pace.pause)
        finally:
            os.close(fd)

    def _refuse(self, reason: Reason, name: str, detail: str | None = None) -> None:
        """Counted always, said once a minute."""
        self.refused[reason] += 1
        if self._clock() - self._said_at >= SAY_EVERY_S:
            self._said_at = self._clock()
            why = detail or WORDS[reason].why
            log.warning("cannot tell whether %s has TLS: %s", name, why)


def _reached(mapped: Mapped, process: Path) -> tuple[Path, int] | None:
    """
    A path of the mapped file, and the file itself, which is not opened by that.

    Its process may put anything there at any time: a pipe without an end, or a link to a device
    of ours, which acts when it is opened. Layered file systems name their devices otherwise.
    """
    for path in mapped.paths(process):
        try:
            reached = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        at = os.fstat(reached)
        if at.st_ino == mapped.inode and stat.S_ISREG(at.st_mode):
            return path, reached
        os.close(reached)
    return None


def _is_running(process: Path) -> bool:
    """Whether it still maps anything: one that has ended does not, though its folder stays."""
    try:
        return bool(read_maps(process))
    except OSError:
        return False


def _is_unchanged(binary: Binary) -> bool:
    """Whether its file was not written over; one that cannot be reached stays so."""
    if not binary.changed_ns:
        return True
    try:
        return binary.path.stat().st_ctime_ns == binary.changed_ns
    except OSError:
        return False


def _unreachable(name: str, reason: Reason, inode: int = 0) -> Binary:
    return Binary(
        device=0,
        inode=inode,
        written_ns=0,
        changed_ns=0,
        build_id="",
        path=Path(os.devnull),
        name=name,
        family=None,
        library="unknown",
        reason=reason,
    )
