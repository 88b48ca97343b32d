"""
Probes on the TLS libraries of watched processes: once a file, however many processes map it.

In: `bpf/tls.bpf.c`, compiled, and where a file's functions lie.  Out: links, or why not. A file
that cannot be probed costs its plaintext, which is named; nothing else.
"""

import errno
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from podwire.capture.hooks import LOG_BYTES, new_log, share_maps, why_refused
from podwire.capture.layout import Layouts
from podwire.capture.library import Unavailable, checked, ffi, library, raw_btf, text
from podwire.capture.size import turn
from podwire.capture.table import Table
from podwire.capture.tls.change import EVERY, Changes
from podwire.capture.tls.link import ROOT_ONLY, Rung, link_many, link_one, takes_many
from podwire.capture.tls.point import Binary, Call, Family, Point

OBJECT = Path(__file__).parents[1] / "object" / "tls.bpf.o"
UPROBE_MULTI = 48
"""The attach type of programs that hang at many places of a file by one link."""

ENTRIES: Mapping[Call, str] = {
    Call.READ: "tls_read",
    Call.WRITE: "tls_write",
    Call.READ_EX: "tls_read_ex",
    Call.WRITE_EX: "tls_write_ex",
    Call.SENDFILE: "tls_sendfile",
    Call.PEEK: "tls_other",
    Call.HANDSHAKE: "tls_other",
    Call.FLUSH: "tls_other",
    Call.FREE: "tls_free",
}
"""By what a function does: the program at its beginning; others are not probed."""

GO_ENTRIES: Mapping[Call, str] = {Call.READ: "go_read", Call.WRITE: "go_write"}
"""The same of Go, whose functions take their arguments elsewhere."""

UNRETURNED = (Call.FREE,)
"""What is over when it begins."""

INNER = {
    "SSL_connect": "SSL_do_handshake",
    "SSL_accept": "SSL_do_handshake",
    "gnutls_record_send": "gnutls_record_send2",
}
"""Functions that do all that they do by another one: that one is enough."""

RETURN, GO_RETURN = "tls_leave", "go_leave"
MOST_AT_ONCE = 32
MOST_FILES = 1024
"""Probed at the same time; as many as `attached` has places for."""

PASSING = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EINTR)
"""Errors of a moment: the file is tried again with the next look."""

NO_MAP = -1
"""The object has a map of its own instead."""

SOMEWHERE = 64
"""Bytes into a file."""

File = tuple[int, int, int, str]


def file_of(binary: Binary) -> File:
    """What makes a file that one: two builds never share it, two paths may."""
    return binary.device, binary.inode, binary.written_ns, binary.build_id


class Refused(Exception):
    """The kernel did not take a file's probes."""


class Later(Refused):
    """Not this time: it is tried again with the next look."""


class Left(Exception):
    """The process through which a file was to be opened is not there any more."""


@dataclass(slots=True)
class _Links:
    """What hangs in one file."""

    place: int
    fds: list[int] = field(default_factory=list)
    """The file itself, the link of returns, those of entries."""

    links: list[Any] = field(default_factory=list)
    watch: int = -1
    """By which it is told that the file is written to."""

    is_written: bool = False

    def written_ns(self) -> int:
        """When the file was last written to, as its own clock says now."""
        return os.fstat(self.fds[0]).st_mtime_ns


def _close(several: Collection[_Links]) -> None:
    """
    All at once: the kernel takes a probe out, and then waits for every CPU, at each link.

    Returns last: an entry without its return would be taken for a call that goes on.
    """
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        list(pool.map(os.close, [fd for each in several for fd in each.fds[2:]]))
        list(pool.map(os.close, [fd for each in several for fd in each.fds[:2]]))
    for each in several:
        each.fds.clear()
        while each.links:
            library().bpf_link__destroy(each.links.pop())


class Probes:
    """The TLS object, loaded beside the one whose maps it fills. Raises `Unavailable`."""

    def __init__(
        self,
        fd_of: Callable[[str], int],
        knobs: Mapping[str, int],
        *,
        room: int = 1024,
        rungs: Sequence[Rung] = tuple(Rung),
        path: Path = OBJECT,
    ) -> None:
        self._fd_of = fd_of
        self._knobs = knobs
        self._room = room
        self._path = path
        self._links: dict[File, _Links] = {}
        self._object = ffi.NULL
        self.refused: dict[File, str] = {}
        """Files whose probes the kernel did not take, and why."""

        self._again: set[File] = set()
        self.rung = self._load(rungs)
        self.programs = {text(library().bpf_program__name(p)): p for p in self._each_program()}
        """By name."""

        self._attached = Table(self._own_fd("attached"), np.dtype("<u4"), np.dtype("<u8"))
        layouts = Layouts(raw_btf(self._object))
        self._layouts = Table(
            self._own_fd("go_layouts"), np.dtype("<u4"), layouts.structure("go_layout")
        )
        session, call = layouts.structure("session_key"), layouts.structure("tls_call")
        self._of_processes = (
            Table(self._own_fd("sessions"), session, np.dtype("<u8")),
            Table(self._own_fd("goroutines"), layouts.structure("go_key"), call),
        )
        self._free = list(range(1, MOST_FILES))
        self.changes = Changes()
        """Of the files that are probed."""

    def _load(self, rungs: Sequence[Rung]) -> Rung:
        """The best way to hang programs that this kernel has."""
        why = "no way was allowed"
        for rung in rungs:
            try:
                self._open(rung)
            except Refused as error:
                why = str(error)
            else:
                if rung is Rung.PERF or takes_many(self._fd("tls_read")):
                    return rung
                why = "it has no link over many places (kernel 6.6)"
            self._unload()
        raise Unavailable(f"the kernel takes no probes of TLS libraries: {why}")

    def _open(self, rung: Rung) -> None:
        self._object = library().bpf_object__open_file(os.fsencode(self._path), ffi.NULL)
        if not self._object:
            raise Unavailable(f"{self._path} is not a BPF object; run: make bpf")
        layouts = Layouts(raw_btf(self._object))
        for name, value in self._knobs.items():
            turn(self._object, layouts, name, value)
        share_maps(self._object, self._fd_of)
        goroutines = library().bpf_object__find_map_by_name(self._object, b"goroutines")
        checked(library().bpf_map__set_max_entries(goroutines, self._room), "sizing goroutines")
        logs = [new_log() for _ in self._each_program()]
        for program, said in zip(self._each_program(), logs, strict=True):
            library().bpf_program__set_log_buf(program, said, LOG_BYTES)
            if rung is Rung.MULTI:
                library().bpf_program__set_expected_attach_type(program, UPROBE_MULTI)
        code = library().bpf_object__load(self._object)
        if code < 0:
            raise Refused(why_refused(code, logs))

    def _each_program(self) -> Iterator[Any]:
        program = ffi.NULL
        while program := library().bpf_object__next_program(self._object, program):
            yield program

    def _fd(self, program: str) -> int:
        found = next(
            p for p in self._each_program() if text(library().bpf_program__name(p)) == program
        )
        return int(library().bpf_program__fd(found))

    def _own_fd(self, name: str) -> int:
        found = library().bpf_object__find_map_fd_by_name(self._object, name.encode())
        return checked(found, f"map {name}")

    def attach(self, binaries: Collection[Binary]) -> None:
        """
        Probe exactly these files from now on.

        Not one that was written over, whoever uses it: what it has at the old places is anything,
        and a probe in the middle of an instruction ends the program.
        """
        wanted = {file_of(each): each for each in binaries if each.points}
        self.hear()
        self._detach(
            file
            for file, links in self._links.items()
            if file not in wanted or links.is_written or links.written_ns() != file[2]
        )
        stays = wanted.keys() - self._again
        self.refused = {file: why for file, why in self.refused.items() if file in stays}
        self._again.clear()
        for file in wanted.keys() - self._links.keys() - self.refused.keys():
            try:
                self._attach(file, wanted[file])
            except Left:
                continue  # the next look finds the file through another process, or not at all
            except (OSError, Refused) as error:
                self.refused[file] = _why(error)
                if isinstance(error, Later) or getattr(error, "errno", None) in PASSING:
                    self._again.add(file)

    def hear(self) -> bool:
        """Whether files that are probed were written to: they lose their probes with `attach`."""
        told = self.changes.take()
        for links in self._links.values():
            links.is_written |= bool(told & {links.watch, EVERY})
        return bool(told)

    def _attach(self, file: File, binary: Binary) -> None:
        if not self._free:
            raise Later(f"{MOST_FILES - 1} files are probed already")
        links = _Links(self._free.pop())
        self._tell_since(links.place, 0)
        try:
            links.fds.append(_reached(binary))
            links.watch = self.changes.add(links.fds[0])
            self._link(links, f"/proc/self/fd/{links.fds[0]}", binary)
        except BaseException:
            self._let_go([links])
            raise
        self._tell_since(links.place, time.monotonic_ns())
        self._links[file] = links

    def _link(self, links: _Links, path: str, binary: Binary) -> None:
        """Returns first: an entry without its return would be taken for a call that goes on."""
        is_go = binary.family is Family.GO
        entries = GO_ENTRIES if is_go else ENTRIES
        points = [each for each in _outermost(binary.points) if each.call in entries]
        if is_go and not all(each.returns for each in points):
            raise Refused("it is not known where its functions return")
        if is_go:
            self._tell_layout(links.place, binary.layout)
            back = [offset for each in points for offset in each.returns]
            self._hang(links, path, GO_RETURN, back, is_return=False)
        else:
            back = [each.offset for each in points if each.call not in UNRETURNED]
            self._hang(links, path, RETURN, back, is_return=True)
        for name in sorted(set(entries.values())):
            offsets = [each.offset for each in points if entries[each.call] == name]
            self._hang(links, path, name, offsets, is_return=False)

    def _tell_layout(self, place: int, layout: Mapping[str, int]) -> None:
        value = np.zeros(1, self._layouts.value)
        for name in value.dtype.names or ():
            value[name] = layout[name]
        self._layouts.put(np.array([place], np.uint32), value)

    def _hang(
        self, links: _Links, path: str, name: str, offsets: list[int], *, is_return: bool
    ) -> None:
        if not offsets:
            return
        program, place = self.programs[name], links.place
        if self.rung is Rung.MULTI:
            fd = int(library().bpf_program__fd(program))
            links.fds.append(link_many(fd, path, offsets, cookie=place, is_return=is_return))
            return
        for offset in offsets:
            links.links.append(link_one(program, path, offset, cookie=place, is_return=is_return))

    def forget(self, pids: Collection[int]) -> None:
        """These processes have ended: what they left behind takes room no more."""
        if not pids:
            return
        for table in self._of_processes:
            keys, _ = table.read()
            for key in keys[np.isin(keys["pid"], np.fromiter(pids, np.uint32))]:
                table.remove(key.reshape(1))

    def hang_nowhere(self) -> None:
        """A probe in a file that is no program. Raises OSError."""
        nowhere = _Links(0)
        try:
            self._hang(nowhere, str(self._path), "tls_free", [SOMEWHERE], is_return=False)
        finally:
            _close([nowhere])

    def _tell_since(self, place: int, since_ns: int) -> None:
        self._attached.put(np.array([place], np.uint32), np.array([since_ns], np.uint64))

    def _detach(self, files: Iterable[File]) -> None:
        self._let_go([self._links.pop(file) for file in list(files)])

    def _let_go(self, several: Collection[_Links]) -> None:
        for each in several:
            self.changes.remove(each.watch)
        _close(several)
        self._free += [each.place for each in several]

    @property
    def attached(self) -> frozenset[File]:
        """The files that are probed."""
        return frozenset(self._links)

    def close(self) -> None:
        """Detach and unload; closing twice is fine."""
        self._detach(self._links)
        self.changes.close()
        self._unload()

    def _unload(self) -> None:
        if self._object:
            library().bpf_object__close(self._object)
            self._object = ffi.NULL


def try_probes(rungs: Sequence[Rung] = tuple(Rung)) -> Rung:
    """Hang a probe for a moment where nobody ever comes by. Raises `Unavailable`."""
    probes = Probes(lambda _: NO_MAP, {}, rungs=rungs)
    try:
        probes.hang_nowhere()
    except OSError as error:
        raise Unavailable(f"the kernel takes no probes of TLS libraries: {_why(error)}") from error
    finally:
        probes.close()
    return probes.rung


def _reached(binary: Binary) -> int:
    """
    The very file that was looked into, whatever its name means by now.

    Nothing is opened by that: it may be a pipe, at which a reader waits for ever.
    """
    try:
        fd = os.open(binary.path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise Left from error
    at = os.fstat(fd)
    if (at.st_ino, at.st_ctime_ns) != (binary.inode, binary.changed_ns):
        os.close(fd)
        raise Later("another file has its name by now")
    return fd


def _outermost(points: Sequence[Point]) -> list[Point]:
    there = {each.symbol for each in points}
    return [each for each in points if INNER.get(each.symbol) not in there]


def _why(error: Exception) -> str:
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    why = os.strerror(error.errno)
    return f"{why}: {ROOT_ONLY}" if error.errno in (errno.EACCES, errno.EPERM) else why
