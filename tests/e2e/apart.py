"""
Where the end-to-end test runs, and how all of it is undone, whatever became of the run.

The run has a network and mounts of its own, which end with its last process. Four things do not
end by themselves: processes, control groups, three settings of the kernel that a kubelet makes, and
files. They have one name, and a note tells what the settings were.
"""

import contextlib
import fcntl
import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

GROUP = "podwire-e2e"
PLACE = Path("/var/tmp") / GROUP
NOTE = PLACE / "before.json"
SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
HIDDEN = ("/run", "/var/log", "/var/lib")
"""Where the node's programs write what no option moves; a run sees empty folders there."""

END_TIMEOUT_S = 20.0


def run(command: Sequence[str]) -> int:
    """Run a program apart; its exit status. Afterwards this machine is as it was."""
    with _alone():
        undo()
        PLACE.mkdir(mode=0o755)
        NOTE.write_text(json.dumps({name: setting(name).read_text() for name in SETTINGS}))
        try:
            for folder in groups():
                _make_group(folder)
            return _run(command)
        finally:
            undo()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two runs at once wait for each other: they have one name."""
    with Path(tempfile.gettempdir(), f"{GROUP}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: Sequence[str]) -> int:
    """Ctrl-C reaches the program itself; a SIGTERM ends it, and then all that it started."""
    enter = f"echo $$ >{_unified()}/node/cgroup.procs; "
    enter += "".join(f"mount -t tmpfs none {place}; " for place in HIDDEN)
    line = ("unshare", "--net", "--mount", "setpriv", "--pdeathsig", "KILL")
    program = subprocess.Popen((*line, "sh", "-ec", f'{enter} exec "$@"', "apart", *command))
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: program.kill()),
    }
    try:
        return program.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def undo() -> None:
    """Remove what a run left, this one or one that was killed. Doing it twice does no harm."""
    _kill()
    for folder in groups():
        _remove_group(folder)
    with contextlib.suppress(FileNotFoundError):
        for name, value in json.loads(NOTE.read_text()).items():
            setting(name).write_text(value)
    shutil.rmtree(PLACE, ignore_errors=True)


def groups() -> Iterator[Path]:
    """Our control group in every hierarchy that there is."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, _ = line.split(" ", 3)
        if kind in {"cgroup", "cgroup2"} and place.startswith("/sys/fs/cgroup"):
            yield Path(place, GROUP)


def _unified() -> Path:
    """The group in version 2, which can end all its processes."""
    return next(each for each in groups() if (each.parent / "cgroup.controllers").exists())


def _make_group(folder: Path) -> None:
    """A group that pods can be put into; the node's own programs have one beside them."""
    folder.mkdir()
    if (folder / "cgroup.controllers").exists():
        (folder / "node").mkdir()
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (folder / "cgroup.clone_children").exists() and (folder / name).exists():
            (folder / name).write_text((folder.parent / name).read_text())  # version 1 has none


def _kill() -> None:
    """Every process of the group; it is empty when they are gone."""
    folder = _unified()
    if not folder.exists():
        return
    deadline_s = time.monotonic() + END_TIMEOUT_S
    while "populated 1" in (folder / "cgroup.events").read_text():
        (folder / "cgroup.kill").write_text("1")
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"processes in {folder} do not end")
        time.sleep(0.05)


def _remove_group(folder: Path) -> None:
    """Groups within first; a process that has just ended may hold one for a moment."""
    deadline_s = time.monotonic() + END_TIMEOUT_S
    for each in sorted(folder.glob("**/"), reverse=True):
        while each.exists():
            with contextlib.suppress(OSError):
                each.rmdir()
                break
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{each} cannot be removed")
            time.sleep(0.05)


def setting(name: str) -> Path:
    """Where the kernel shows one of its settings."""
    return Path("/proc/sys", name)
