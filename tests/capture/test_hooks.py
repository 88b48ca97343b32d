"""
Every program of ours is made to fail in turn; what is missing then, and that all else is exact.

A program fails for real: its first instruction becomes one that the verifier refuses, or it is
gone before it can be attached. The truth is the book of `scene.py`.
"""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from capture import scene
from podwire.capture import Kernel, Unavailable
from podwire.capture.hooks import (
    ELDER,
    HOOKS,
    NO_TRACEFS,
    OBJECT,
    TRACEFS,
    VMLINUX,
    Hook,
    Programs,
    Rung,
    Stage,
    Touch,
    build_here,
    has_tracefs,
    stand,
)
from podwire.capture.library import ffi, library, text
from podwire.model.flow import Flow, Role

pytestmark = pytest.mark.root

LOAD_FROM_R9 = bytes((0x79, 0x90)) + bytes(6)
"""r0 = *(u64 *)r9: nobody has written r9."""

WIDE, WIDE_BYTES = b"\x18", 16
"""The one instruction of two, which libbpf itself still fills in."""

ESSENTIAL = ("enter", "leave")
OPTIONAL = tuple(hook.program for hook in HOOKS if hook.program not in ESSENTIAL)

LOWER = tuple((hook, rung) for hook in HOOKS for rung in hook.ladder[1:])
"""Every hook, with each rung but its best."""

Book = Mapping[str, int]

MISSING = {
    "set_state": {"background client connect"},
    "drop": {"lossy client drop", "lossy server drop"},
    "fork": {f"child {side} {what}" for side in ("client", "server") for what in
             ("connect", "read", "write", "request", "response 200", "close")},
    "survey": {"old server write", "old client write", "old server close", "old client close"},
}  # fmt: skip
"""By program: all that is not as in the book without it."""


def spoil(stage: Stage, program: str, *, rungs: tuple[Rung, ...] = tuple(Rung)) -> Touch:
    """Make one program fail, at that stage, on those rungs."""

    def touch(now: Stage, rung: Rung, found: Any) -> None:
        if now is not stage or rung not in rungs or program != name(found):
            return
        if stage is Stage.LOAD:
            code = ffi.cast("char *", library().bpf_program__insns(found))
            first = WIDE_BYTES if ffi.buffer(code, 1)[:] == WIDE else 0
            ffi.memmove(code + first, LOAD_FROM_R9, len(LOAD_FROM_R9))
        else:
            library().bpf_program__unload(found)

    return touch


def name(program: Any) -> str:
    """A program's name in the object."""
    return text(library().bpf_program__name(program))


@contextmanager
def play(kernel: Kernel) -> Iterator["subprocess.Popen[str]"]:
    """The scene, watched from its second act on."""
    process = subprocess.Popen(
        ["unshare", "--net", sys.executable, scene.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        next_act(process)
        kernel.watch([process.pid])
        yield process
    finally:
        process.kill()
        process.communicate()
        kernel.close()


def next_act(process: "subprocess.Popen[str]") -> Book:
    """Let the scene go on; its book afterwards."""
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n")
    book: Book = json.loads(process.stdout.readline())
    return book


def book_of(flows: list[Flow]) -> Counter[str]:
    """The same book, as the kernel wrote it."""
    acts = {f"{scene.NETWORK}.{number}": act for act, number in scene.ACTS.items()}
    found: Counter[str] = Counter()
    for flow in flows:
        is_server = flow.key.role is Role.SERVER
        act = acts[flow.key.local_address if is_server else flow.key.peer.address]
        side = "server" if is_server else "client"
        for name, operation in flow.operations.items():
            found[f"{act} {side} {name}"] += operation.count
        if flow.http:
            found[f"{act} {side} request"] += flow.http.requests
            for status, count in flow.http.responses.items():
                found[f"{act} {side} response {status}"] += count
    return Counter({what: count for what, count in found.items() if not what.endswith(" rtt")})


def differences(kernel: Kernel) -> set[str]:
    """
    Entries in which the kernel's book of the whole scene differs from the scene's own.

    An interrupt may come while a program runs, and what it does is kept from the same program, on
    plain ones from each: an entry may lack as many as its own program is said to have missed.
    No interrupt makes system calls, so nothing excuses what those tell; on plain ones alone others
    may miss them, who are in a call of `bpf()` meanwhile.
    """
    with play(kernel) as process:
        next_act(process)
        book = next_act(process)
        found = book_of(list(kernel.drain()))
        missed = kernel.missed()
    plain = {each.hook.program for each in kernel.standings if each.rung is Rung.TRACEPOINT}
    assert set() == missed.keys() & {*ESSENTIAL} - plain
    assert kernel.losses().keys() <= {"hook_missed"}
    assert sum(missed.values()) <= kernel.losses().get("hook_missed", 0)
    return not_as_said(book, found, missed)


def not_as_said(book: Book, found: Book, missed: Mapping[str, int]) -> set[str]:
    """What a book lacks more often than it is said to, or has too often."""
    room: Counter[str] = Counter()
    for program, count in missed.items():
        room.update(dict.fromkeys(MISSING.get(program, ()), count))
    lacking = {what: book.get(what, 0) - found.get(what, 0) for what in {*book, *found}}
    return {what for what, count in lacking.items() if not 0 <= count <= room[what]}


def test_only_what_a_program_is_said_to_have_missed_may_lack() -> None:
    """No more of it, nothing else, nothing too much, and no system call."""
    book = {"lossy client drop": 3, "plain client read": 2}
    lacking, less = {**book, "lossy client drop": 2}, {**book, "plain client read": 1}

    assert set() == not_as_said(book, lacking, {"drop": 1})
    assert {"lossy client drop"} == not_as_said(book, lacking, {"retransmit": 9, "enter": 9})
    assert {"lossy client drop"} == not_as_said(lacking, book, {"drop": 9})
    assert {"lossy client drop"} == not_as_said(book, {**book, "lossy client drop": 0}, {"drop": 2})
    assert {"plain client read"} == not_as_said(book, less, {"leave": 9, "drop": 9})


@pytest.mark.parametrize("build", [OBJECT, ELDER], ids=lambda path: path.name)
def test_with_every_hook_the_book_is_exact(build: Path) -> None:
    """Calls, connects, closes, requests, statuses, drops and retransmits of the whole scene."""
    assert set() == differences(Kernel(path=build))


def test_a_kernel_with_loops_gets_the_build_that_calls_them() -> None:
    """The elder one is for those before 5.17; the file that has the helper's name says it."""
    has_loops = b"BPF_FUNC_loop" in VMLINUX.read_bytes()

    assert (OBJECT if has_loops else ELDER) == build_here()


@pytest.mark.parametrize("build", [OBJECT, ELDER], ids=lambda path: path.name)
def test_every_program_has_its_row(build: Path) -> None:
    """The table names each program of the object, with its section."""
    opened = library().bpf_object__open_file(bytes(build), ffi.NULL)
    found, program = set(), ffi.NULL
    while program := library().bpf_object__next_program(opened, program):
        found.add((name(program), text(library().bpf_program__section_name(program))))
    library().bpf_object__close(opened)

    assert found == {(hook.program, hook.section) for hook in HOOKS}


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("program", OPTIONAL)
def test_a_program_that_fails_takes_its_own_metrics_with_it(program: str, stage: Stage) -> None:
    """Nothing else is wrong by one, and the agent can say what is missing and why."""
    kernel = Kernel(spoil(stage, program))

    (missing,) = kernel.missing

    assert program == missing.hook.program
    assert (stage is Stage.ATTACH) == ("it cannot be attached" in str(missing))
    assert MISSING.get(program, set()) == differences(kernel)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("program", ESSENTIAL)
def test_without_system_calls_there_is_one_clear_error(program: str, stage: Stage) -> None:
    """Its text names the hook and the command that shows more."""
    with pytest.raises(Unavailable, match=r"not measured: everything .* run: podwire doctor"):
        Kernel(spoil(stage, program))


def test_a_kernel_that_refused_is_asked_again_from_the_beginning() -> None:
    """What was loaded then counted nothing: nobody takes it for what does."""
    is_spoiled = False
    spoiled = spoil(Stage.ATTACH, "enter")

    def touch(stage: Stage, rung: Rung, program: Any) -> None:
        if is_spoiled:
            spoiled(stage, rung, program)

    kernel = Kernel(touch)
    is_spoiled = True
    with pytest.raises(Unavailable, match="not measured: everything"):
        kernel.watch([1])
    is_spoiled = False

    assert set() == differences(kernel)


def test_retransmits_come_at_the_drain_when_they_cannot_be_seen_happening() -> None:
    """The socket's own counter is read then, whatever was seen before."""
    kernel = Kernel(spoil(Stage.LOAD, "retransmit"))
    with play(kernel) as process:
        book = next_act(process)
        found = book_of(list(kernel.drain()))

    what = "lossy client retransmit"
    assert 2 <= book[what]
    assert book[what] == found[what]


def test_without_tracefs_the_lowest_rung_says_what_to_mount() -> None:
    """The operator reads the command, not an errno."""
    if has_tracefs():
        pytest.skip("tracefs is mounted on this system")
    programs = Programs({"exit": Rung.TRACEPOINT})

    why = programs.attach()

    programs.close()
    assert {"exit": NO_TRACEFS} == why


@pytest.fixture(scope="module")
def tracefs() -> Iterator[None]:
    """As the lowest rung needs it; of several runs that have mounted it the last one unmounts."""
    with Path(tempfile.gettempdir(), "podwire-tracefs.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not has_tracefs():
            subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACEFS[0]], check=True)
            print("ours", file=lock, flush=True)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock.fileno()).st_size:
                subprocess.run(["umount", "--lazy", TRACEFS[0]], check=True)
                lock.truncate(0)


@pytest.mark.usefixtures("tracefs")
@pytest.mark.parametrize(("hook", "rung"), LOWER, ids=lambda each: getattr(each, "program", each))
def test_a_refused_program_falls_to_the_next_rung(hook: Hook, rung: Rung) -> None:
    """On a raw tracepoint and on a plain one the same program counts the same."""
    better = hook.ladder[: hook.ladder.index(rung)]
    kernel = Kernel(spoil(Stage.LOAD, hook.program, rungs=better))

    (found,) = (each for each in kernel.standings if each.hook == hook)
    assert (rung, "Permission denied: R9 !read_ok") == (found.rung, found.why)
    assert set() == differences(kernel)


@pytest.mark.usefixtures("tracefs")
@pytest.mark.parametrize("build", [OBJECT, ELDER], ids=lambda path: path.name)
def test_with_every_hook_on_its_lowest_rung_the_book_is_exact(build: Path) -> None:
    """As on a kernel that knows plain tracepoints alone."""
    lowest = {hook.program: hook.ladder[-1] for hook in HOOKS}

    def touch(stage: Stage, rung: Rung, program: Any) -> None:
        if rung is not lowest[name(program)]:
            spoil(stage, name(program))(stage, rung, program)

    kernel = Kernel(touch, path=build)

    assert lowest == {each.hook.program: each.rung for each in kernel.standings}
    assert set() == differences(kernel)


def test_nothing_stays_after_a_try() -> None:
    """Every program, map and link of a trial is gone: no file descriptor is left of them."""
    before = len(list(Path("/proc/self/fd").iterdir()))

    stand(spoil(Stage.LOAD, "drop"))

    assert before == len(list(Path("/proc/self/fd").iterdir()))
