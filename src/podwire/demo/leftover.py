"""
What a demo makes outside itself, written down before it is made, so that others can undo it.

In: nothing.  Out: one file a demo under /run/podwire; `remove_all` undoes those of dead demos.
A child of a demo carries the demo's name in its environment, so it is found whoever started it.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

NOTES = Path("/run/podwire")
NAMESPACES = Path("/run/netns")
MARK = "PODWIRE_DEMO"
KILL_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Note:
    """A demo and everything of it that would outlive it."""

    name: str
    pid: int
    start_ticks: int
    namespaces: tuple[str, ...]
    folder: str
    subnet: str
    has_namespace_mount: bool
    """Whether this demo was the one that made /run/netns a mount."""


def begin(subnet: str, roles: tuple[str, ...]) -> Note:
    """Name a new demo, make its folder, and write its note."""
    name = f"podwire-demo-{secrets.token_hex(3)}"
    note = Note(
        name=name,
        pid=os.getpid(),
        start_ticks=start_ticks_or_none(os.getpid()) or 0,
        namespaces=tuple(f"{name}-{role}" for role in roles),
        folder=f"/var/tmp/{name}",  # noqa: S108 - the name is random, the folder must be new
        subnet=subnet,
        has_namespace_mount=not _is_mount(NAMESPACES),
    )
    NOTES.mkdir(parents=True, exist_ok=True)
    path = NOTES / f"{name}.json"
    path.with_suffix(".new").write_text(json.dumps(asdict(note)))
    path.with_suffix(".new").replace(path)
    Path(note.folder).mkdir(mode=0o700)
    return note


def notes() -> Iterator[Note]:
    """Notes of all demos, alive or not."""
    for path in sorted(NOTES.glob("podwire-demo-*.json")):
        with contextlib.suppress(FileNotFoundError):  # another demo ends at this moment
            content = json.loads(path.read_text())
            yield Note(**{**content, "namespaces": tuple(content["namespaces"])})


def remove_all() -> list[str]:
    """Undo every demo whose process is gone; their names."""
    dead = [note for note in notes() if start_ticks_or_none(note.pid) != note.start_ticks]
    for note in dead:
        remove(note)
    return [note.name for note in dead]


def remove(note: Note) -> None:
    """
    Undo one demo: processes, namespaces, folder, note. Doing it twice does no harm.

    The note stays while a namespace does, so that the next start tries again.
    """
    _kill(list(children(note.name)))
    for namespace in note.namespaces:
        if (NAMESPACES / namespace).exists():
            subprocess.run(["ip", "netns", "delete", namespace], check=False)
    if note.has_namespace_mount and _is_mount(NAMESPACES) and not any(NAMESPACES.iterdir()):
        subprocess.run(["umount", str(NAMESPACES)], check=False)
    shutil.rmtree(note.folder, ignore_errors=True)
    if not any((NAMESPACES / namespace).exists() for namespace in note.namespaces):
        (NOTES / f"{note.name}.json").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # other demos have notes there
        NOTES.rmdir()


def children(name: str) -> Iterator[int]:
    """Living processes that carry a demo's name, other than this one."""
    mark = f"{MARK}={name}".encode()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = Path(entry.path, "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in words:
            yield int(entry.name)


def _kill(pids: list[int]) -> None:
    """Kill and wait: a namespace ends with its last process."""
    identities = [(pid, start_ticks_or_none(pid)) for pid in pids]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    deadline_s = time.monotonic() + KILL_TIMEOUT_S
    while time.monotonic() < deadline_s and any(
        start is not None and start_ticks_or_none(pid) == start for pid, start in identities
    ):
        time.sleep(0.01)


def start_ticks_or_none(pid: int) -> int | None:
    """When a process started; with its pid that is its identity. None: gone, or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if stat[0] in "ZX" else int(stat[19])


def _is_mount(path: Path) -> bool:
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return str(path) in {line.split()[1] for line in mounts}
