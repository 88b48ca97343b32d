"""
Control groups as each runtime makes them, with real processes in them.

In: a pod's uid and a container's id.  Out: a folder under /sys/fs/cgroup, in v1 or v2, that is gone
afterwards. The spellings are those of runtimes, not of our parser.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
UNIFIED = ROOT / "unified" if (ROOT / "unified").exists() else ROOT
V1 = ROOT / "pids" if (ROOT / "pids").exists() else None

Spelling = Callable[[str, str], str]


def _slice(uid: str, kind: str = "besteffort") -> str:
    pod = f"kubepods-{kind}-pod{uid.replace('-', '_')}.slice"
    return f"kubepods.slice/kubepods-{kind}.slice/{pod}"


SPELLINGS: dict[str, Spelling] = {
    "containerd, cgroupfs": lambda uid, cid: f"kubepods/burstable/pod{uid}/{cid}",
    "containerd, cgroupfs, guaranteed": lambda uid, cid: f"kubepods/pod{uid}/{cid}",
    "containerd, systemd": lambda uid, cid: f"{_slice(uid)}/cri-containerd-{cid}.scope",
    "CRI-O, systemd": lambda uid, cid: f"{_slice(uid)}/crio-{cid}.scope",
    "CRI-O, systemd, crun": lambda uid, cid: f"{_slice(uid)}/crio-{cid}.scope/container",
    "CRI-O, cgroupfs": lambda uid, cid: f"kubepods/besteffort/pod{uid}/crio-{cid}",
    "Docker, cgroupfs": lambda uid, cid: f"kubepods/besteffort/pod{uid}/{cid}",
    "Docker, systemd": lambda uid, cid: f"{_slice(uid)}/docker-{cid}.scope",
    "kind": lambda uid, cid: (
        f"system.slice/docker-{'e' * 64}.scope/kubelet.slice/kubelet-{_slice(uid)}"
        f"/cri-containerd-{cid}.scope"
    ),
    "systemd inside a container": lambda uid, cid: (
        f"{_slice(uid)}/cri-containerd-{cid}.scope/init.scope"
    ),
    "Docker inside a container": lambda uid, cid: f"kubepods/pod{uid}/{cid}/docker/{'d' * 64}",
}


@contextlib.contextmanager
def group(path: str, root: Path = UNIFIED) -> Iterator[Path]:
    """A control group; processes still in it are ended."""
    top = root / path.split("/")[0]
    was_there = top.exists()
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        for pid in _pids(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _remove(folder, None if was_there else root)


def _pids(folder: Path) -> list[int]:
    return [int(pid) for pid in (folder / "cgroup.procs").read_text().split()]


def _remove(folder: Path, root: Path | None) -> None:
    """A group goes when its last process is reaped; parents go as far as they are empty."""
    deadline_s = time.monotonic() + 60
    while folder != root and folder != ROOT and folder != UNIFIED:
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            if time.monotonic() > deadline_s or any(each.is_dir() for each in folder.iterdir()):
                return
            time.sleep(0.01)
            continue
        folder = folder.parent


@contextlib.contextmanager
def process(
    folder: Path, command: Sequence[str] = ("/bin/sleep", "60"), output: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is in the group from its first instruction, as a runtime starts it."""

    def join() -> None:
        (folder / "cgroup.procs").write_text("0")

    running = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=output, stderr=output, preexec_fn=join
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()
        if running.stdin:
            running.stdin.close()
