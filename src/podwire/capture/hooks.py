"""
The programs of the object, each on the highest rung that this kernel gives it.

In: the compiled object.  Out: loaded and attached programs, and why others are missing.
A program that this kernel refuses costs what its row says, and nothing else.
"""

import errno
import mmap
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from podwire.capture.layout import Layouts
from podwire.capture.library import Unavailable, checked, ffi, library, raw_btf, text
from podwire.capture.size import turn

OBJECT = Path(__file__).parent / "object" / "socket.bpf.o"
ELDER = OBJECT.with_name("socket-elder.bpf.o")
"""The same programs for kernels without bpf_loop (bpf/kernel.h)."""

VMLINUX = Path("/sys/kernel/btf/vmlinux")
TRACEPOINT, RAW_TRACEPOINT = 5, 17
BPF_LOOP = 181
LOG_BYTES = 1 << 24
"""Room for all that a verifier says of one program; memory only when it says something."""


class Rung(StrEnum):
    """How a program hangs in the kernel, the best first."""

    TP_BTF = "tp_btf"
    RAW_TP = "raw_tp"
    TRACEPOINT = "tracepoint"
    ITERATOR = "iter"


TYPES = {Rung.RAW_TP: RAW_TRACEPOINT, Rung.TRACEPOINT: TRACEPOINT}
"""What a program is on a rung that its section does not name."""

TRACEFS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
NO_TRACEFS = "tracefs is not mounted; as root, run: mount -t tracefs tracefs /sys/kernel/tracing"


@dataclass(frozen=True, slots=True)
class Hook:
    """One program of `bpf/`."""

    program: str
    section: str
    gives: str
    """What is missing without it."""

    is_essential: bool = False
    """Whether nothing at all can be measured without it."""

    over: str = ""
    """The map that an iterator goes over, if it is one over a map."""

    group: str = ""
    """Of the tracepoint, where its record tells all that its arguments do."""

    is_repeatable: bool = False
    """Whether a second look at the same event changes nothing (bpf/lane.h)."""

    @property
    def place(self) -> str:
        """The tracepoint, or what is iterated over."""
        return self.section.partition("/")[2]

    @property
    def ladder(self) -> tuple[Rung, ...]:
        """Where it can hang, the best first."""
        if self.section.startswith("iter/"):
            return (Rung.ITERATOR,)
        plain = (Rung.TRACEPOINT,) if self.group else ()
        return (Rung.TP_BTF, Rung.RAW_TP, *plain)


HOOKS = (
    Hook(
        "enter",
        "tp_btf/sys_enter",
        "everything",
        is_essential=True,
        group="raw_syscalls",
        is_repeatable=True,
    ),
    Hook(
        "leave",
        "tp_btf/sys_exit",
        "everything",
        is_essential=True,
        group="raw_syscalls",
        is_repeatable=True,
    ),
    Hook(
        "set_state",
        "tp_btf/inet_sock_set_state",
        "non-blocking connects, who listens since the task began",
        group="sock",
        is_repeatable=True,
    ),
    Hook(
        "retransmit",
        "tp_btf/tcp_retransmit_skb",
        "retransmits before the next drain",
        group="tcp",
        is_repeatable=True,
    ),
    Hook(
        "destroy",
        "tp_btf/tcp_destroy_sock",
        "unanswered requests, room of connections that ended",
        group="tcp",
        is_repeatable=True,
    ),
    Hook("send_reset", "tp_btf/tcp_send_reset", "resets sent", group="tcp", is_repeatable=True),
    Hook(
        "receive_reset",
        "tp_btf/tcp_receive_reset",
        "resets received",
        group="tcp",
        is_repeatable=True,
    ),
    Hook("drop", "tp_btf/kfree_skb", "drops", group="skb"),
    Hook(
        "fork",
        "tp_btf/sched_process_fork",
        "children of watched processes",
        is_repeatable=True,
    ),
    Hook(
        "exit",
        "tp_btf/sched_process_exit",
        "room of watched processes that ended",
        group="sched",
        is_repeatable=True,
    ),
    Hook("choose", "iter/task", "children born while their parent's task begins"),
    Hook("survey", "iter/task_file", "who listens, and idle connections, since before the task"),
    Hook("underway", "iter/task", "bytes without a call before their socket ends"),
    Hook(
        "gather",
        "iter/bpf_map_elem",
        "what TCP counts of a connection before it ends",
        over="connections",
    ),
    Hook("overflow", "iter/bpf_map_elem", "connections refused by a listener", over="listeners"),
)
"""Every program there is, in the order in which they are attached."""


class Stage(StrEnum):
    """What is about to be done with a program."""

    LOAD = "load"
    ATTACH = "attach"


Touch = Callable[[Stage, Rung, Any], None]
"""Called with each program before it is loaded and attached: tests spoil programs here."""


def leave_as_is(stage: Stage, rung: Rung, program: Any) -> None:
    """What is done with programs outside of tests."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a hook hangs on this kernel."""

    hook: Hook
    rung: Rung | None
    """None: this kernel refuses it on every rung."""

    why: str = ""
    """What the kernel said on the best rung, when that is not the one."""

    def __str__(self) -> str:
        """
        One line for an operator.

        >>> print(Standing(Hook("drop", "tp_btf/kfree_skb", "drops"), None, "no such place"))
        not measured: drops (the kernel refuses the hook kfree_skb: no such place)
        """
        refusal = f"the kernel refuses the hook {self.hook.place}: {self.why}"
        return f"not measured: {self.hook.gives} ({refusal})"


class Refused(Unavailable):
    """The kernel did not take a program."""


@cache
def build_here() -> Path:
    """The build of the programs for this kernel, told by a helper that only one of them calls."""
    lacks = library().libbpf_probe_bpf_helper(RAW_TRACEPOINT, BPF_LOOP, ffi.NULL) == 0
    return ELDER if lacks else OBJECT


def stand(touch: Touch = leave_as_is, *, path: Path | None = None) -> tuple[Standing, ...]:
    """
    Load and attach every program once, for a moment, and say where each can hang.

    While the best rung holds for all, that is one load; otherwise each is tried alone.
    """
    path = path or build_here()
    best = {hook.program: hook.ladder[0] for hook in HOOKS}
    try:
        _try(path, best, touch)
    except Refused:
        return tuple(_stand_alone(path, hook, touch) for hook in HOOKS)
    return tuple(Standing(hook, best[hook.program]) for hook in HOOKS)


def _stand_alone(path: Path, hook: Hook, touch: Touch) -> Standing:
    why: list[str] = []
    for rung in hook.ladder:
        try:
            _try(path, {hook.program: rung}, touch)
        except Refused as error:
            why.append(str(error))
        else:
            return Standing(hook, rung, *why[:1])
    return Standing(hook, None, why[0])


def _try(path: Path, rungs: Mapping[str, Rung], touch: Touch) -> None:
    programs = Programs(rungs, touch, path=path)
    try:
        for why in programs.attach().values():
            raise Refused(why)
    finally:
        programs.close()


def demand(standings: Sequence[Standing]) -> None:
    """Raises `Unavailable` when a hook is missing without which nothing can be measured."""
    for each in standings:
        if each.hook.is_essential and each.rung is None:
            raise Unavailable(f"{each}; run: podwire doctor")


def map_bytes(*, path: Path | None = None) -> int:
    """What the object's maps take of the kernel's memory before anything is in them."""
    programs = Programs({}, path=path or build_here())
    try:
        fds = [library().bpf_map__fd(each) for each in programs.maps()]
        return sum(_memory_of(fd) for fd in fds)
    finally:
        programs.close()


def _memory_of(fd: int) -> int:
    lines = Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("memlock:"))


class Programs:
    """The object with the programs that have a rung, loaded. Raises `Refused`."""

    def __init__(
        self,
        rungs: Mapping[str, Rung],
        touch: Touch = leave_as_is,
        *,
        path: Path = OBJECT,
        fit: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self._rungs = dict(rungs)
        self._touch = touch
        self._links: list[Any] = []
        with _as_other_types(
            {h.section: TYPES[rungs[h.program]] for h in HOOKS if rungs.get(h.program) in TYPES}
        ):
            self.object = _open(path)
            self._tell_plain()
            fit(self.object)
            logs = [self._prepare(each) for each in _programs(self.object)]
            code = library().bpf_object__load(self.object)
        if code < 0:
            self.close()
            raise Refused(why_refused(code, logs))

    def _tell_plain(self) -> None:
        """A record is not read as arguments are (bpf/rung.h); `exit` reads neither."""
        plain = [each for each, rung in self._rungs.items() if rung is Rung.TRACEPOINT]
        layouts = Layouts(raw_btf(self.object)) if plain else None
        for program in plain:
            if layouts and program != "exit":
                turn(self.object, layouts, f"{program}_is_plain", 1)

    def _prepare(self, program: Any) -> Any:
        """Put a program on its rung; what the verifier will say of it goes to the result."""
        rung = self._rungs.get(_name(program))
        library().bpf_program__set_autoload(program, rung is not None)
        if rung is None:
            return None
        log = new_log()
        library().bpf_program__set_log_buf(program, log, LOG_BYTES)
        self._touch(Stage.LOAD, rung, program)
        return log

    def attach(self) -> Mapping[str, str]:
        """
        Attach everything that is loaded; an iterator is only tried: it runs when it is read.

        The result says why of each program that the kernel did not take.
        """
        refused = {}
        for hook, rung, program in self._loaded():
            self._touch(Stage.ATTACH, rung, program)
            try:
                link = _attached(self.object, hook, rung, program)
            except Refused as error:
                refused[hook.program] = str(error)
                del self._rungs[hook.program]
                continue
            if rung is Rung.ITERATOR:
                library().bpf_link__destroy(link)
            else:
                self._links.append(link)
        return refused

    def _loaded(self) -> list[tuple[Hook, Rung, Any]]:
        found = {_name(program): program for program in _programs(self.object)}
        return [
            (hook, self._rungs[hook.program], found[hook.program])
            for hook in HOOKS
            if hook.program in self._rungs
        ]

    def maps(self) -> list[Any]:
        """The object's maps, as libbpf knows them."""
        found, each = [], ffi.NULL
        while each := library().bpf_object__next_map(self.object, each):
            found.append(each)
        return found

    def read(self, name: str) -> None:
        """Run an iterator to its end; one that this kernel refuses shows nothing."""
        for hook, rung, program in self._loaded():
            if hook.program == name:
                _read(_attached(self.object, hook, rung, program))

    def missed(self) -> Mapping[str, int]:
        """
        By program, the events that the kernel kept from it.

        It runs no program inside itself on one CPU; on plain tracepoints none inside any other,
        so an interrupt there costs what it would have told.
        """
        counts = {
            hook.program: _missed(library().bpf_program__fd(each))
            for hook, _, each in self._loaded()
        }
        return {program: count for program, count in counts.items() if count}

    @property
    def hanging(self) -> frozenset[str]:
        """Programs that the kernel took."""
        return frozenset(self._rungs)

    def find_map(self, name: str) -> int:
        """A map's descriptor, or what is below 0."""
        return int(library().bpf_object__find_map_fd_by_name(self.object, name.encode()))

    def close(self) -> None:
        """Detach and unload; closing twice is fine."""
        while self._links:
            library().bpf_link__destroy(self._links.pop())
        if self.object:
            library().bpf_object__close(self.object)
            self.object = ffi.NULL


def share_maps(opened: Any, fd_of: Callable[[str], int]) -> None:
    """Before an object is loaded, give it another one's maps of the same names."""
    each = ffi.NULL
    while each := library().bpf_object__next_map(opened, each):
        name = text(library().bpf_map__name(each))
        fd = -1 if "." in name else fd_of(name)  # sections of constants are each object's own
        if fd >= 0:
            checked(library().bpf_map__reuse_fd(each, fd), f"sharing {name}")


def _open(path: Path) -> Any:
    found = library().bpf_object__open_file(os.fsencode(path), ffi.NULL)
    if not found:
        raise Unavailable(f"{path} is not a BPF object; run: make bpf")
    return found


@contextmanager
def _as_other_types(types: Mapping[str, int]) -> Iterator[None]:
    """While it lasts, programs of these sections open as if they were written for another type."""
    handlers = [
        checked(
            library().libbpf_register_prog_handler(section.encode(), kind, 0, ffi.NULL),
            f"making {section} another type of program",
        )
        for section, kind in types.items()
    ]
    try:
        yield
    finally:
        for handler in handlers:
            library().libbpf_unregister_prog_handler(handler)


def _programs(opened: Any) -> list[Any]:
    found, program = [], ffi.NULL
    while program := library().bpf_object__next_program(opened, program):
        found.append(program)
    return found


def _name(program: Any) -> str:
    return text(library().bpf_program__name(program))


def _attached(opened: Any, hook: Hook, rung: Rung, program: Any) -> Any:
    if rung is Rung.RAW_TP:
        link = library().bpf_program__attach_raw_tracepoint(program, hook.place.encode())
    elif rung is Rung.TRACEPOINT:
        names = hook.group.encode(), hook.place.encode()
        link = library().bpf_program__attach_tracepoint(program, *names)
        if not link and not has_tracefs():
            raise Refused(NO_TRACEFS)
    elif rung is Rung.ITERATOR:
        options, _kept = _iterated(opened, hook.over)
        link = library().bpf_program__attach_iter(program, options)
    else:
        link = library().bpf_program__attach(program)
    if not link:
        raise Refused(f"it cannot be attached: {_reason(ffi.errno)}")
    return link


def has_tracefs() -> bool:
    """Whether the kernel tells the numbers of its tracepoints, which the lowest rung needs."""
    return any((path / "events").is_dir() for path in TRACEFS)


def _missed(fd: int) -> int:
    """Read from where the kernel describes a program to its owner."""
    text = Path(f"/proc/self/fdinfo/{fd}").read_text()
    found = re.search(r"^recursion_misses:\s*(\d+)", text, re.M)
    return int(found[1]) if found else 0


def _iterated(opened: Any, name: str) -> tuple[Any, Any]:
    """What an iterator is told to go over, a map or nothing, and what must outlive the call."""
    if not name:
        return ffi.NULL, None
    fd = checked(library().bpf_object__find_map_fd_by_name(opened, name.encode()), f"map {name}")
    info = ffi.new("uint32_t *", fd)
    options: Any = ffi.new("struct bpf_iter_attach_opts *")
    options.sz = ffi.sizeof("struct bpf_iter_attach_opts")
    options.link_info, options.link_info_len = info, ffi.sizeof("uint32_t")
    return options, info


def _read(link: Any) -> None:
    try:
        fd = checked(library().bpf_iter_create(library().bpf_link__fd(link)), "iterating")
        with os.fdopen(fd, "rb", buffering=0) as iterator:
            while iterator.read(4096):
                pass
    finally:
        library().bpf_link__destroy(link)


def new_log() -> Any:
    """Room for what the verifier says; it takes memory as far as it is written."""
    return ffi.from_buffer("char[]", mmap.mmap(-1, LOG_BYTES))


def why_refused(code: int, logs: Iterable[Any]) -> str:
    """The error's name, and of the verifier's log the line that says why."""
    said = [line for log in logs if log for line in text(log).splitlines()]
    lines = [line for line in said if not line.startswith(("processed ", "verification time"))]
    return ": ".join([_reason(-code), *lines[-1:]])


def _reason(number: int) -> str:
    if number in (errno.ESRCH, errno.ENOENT):
        return "this kernel has no such place"
    return os.strerror(number)
