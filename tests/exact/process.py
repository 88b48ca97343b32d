"""
Real programs, held at a gate until they are watched, and asked for their books at the end.

In: a house and a command.  Out: what it printed, and what strace saw of it where that was asked.
The gate is a shell that waits for a line and then becomes the program: same pid, nothing missed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from exact.house import House, wait
from exact.trace import Traced, traced
from podwire.app.programs import die_with_parent

TESTS = Path(__file__).parents[1]
GATE = ("sh", "-c", 'read go; exec "$@"', "sh")
TRACED = (
    "read,write,readv,writev,recvfrom,sendto,recvmsg,sendmsg,sendfile,splice,recvmmsg,sendmmsg"
    ",close"
)


def tracer(prefix: Path, late_ms: int) -> list[str]:
    """Strace as a stranger of the program, which keeps its pid and its parent."""
    late = ("-e", f"inject=write:delay_exit={late_ms * 1000}") if late_ms else ()
    return [
        *("strace", "-D", "-ff", "-yy", "-s", "0", "-qq", "-e", f"trace={TRACED}"),
        *("-e", "signal=none", *late, "-o", str(prefix)),
    ]


class Process:
    """One process of a case."""

    def __init__(
        self, house: House, command: list[str], *, trace: Path | None = None, late_ms: int = 0
    ) -> None:
        self.trace = trace
        traced = tracer(trace, late_ms) if trace else []
        self.process = subprocess.Popen(
            [*house.enter, *GATE, *traced, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=os.environ | {"PYTHONPATH": str(TESTS), "PATH": f"{os.environ['PATH']}:/usr/sbin"},
            preexec_fn=die_with_parent,
        )
        self.known: list[int] = [self.process.pid]
        """The process and its children when they were last looked at."""

    @property
    def pids(self) -> list[int]:
        """The process and its children."""
        own = psutil.Process(self.process.pid)
        self.known = [own.pid, *(child.pid for child in own.children(recursive=True))]
        return self.known

    def say(self) -> None:
        """Give it a line: the first opens the gate, what others mean is its own affair."""
        assert self.process.stdin
        self.process.stdin.write("\n")

    def ready(self) -> None:
        """Open the gate and wait until it says that it is ready."""
        self.say()
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line == "ready\n", line

    def idle(self) -> None:
        """Wait until every thread of it sleeps: it has finished what it was doing."""
        for pid in self.pids:
            wait(f"{pid} to be idle", partial(is_idle, pid))

    def output(self, timeout_s: float = 60) -> str:
        """Wait for its end; what it printed."""
        output, _ = self.process.communicate(timeout=timeout_s)
        assert not self.process.returncode, f"{self.process.args!r}: {self.process.returncode}"
        return output

    def books(self) -> Mapping[str, Any]:
        """What it counted, printed as JSON on its last line."""
        books: Mapping[str, Any] = json.loads(self.output().splitlines()[-1])
        return books

    def traced(self, port: int | None = None) -> Traced:
        """What strace saw of it, at one port or at all; it has ended, and strace ends with it."""
        assert self.trace
        wait("strace to have ended", lambda: not is_used(self.trace))
        return traced(self.trace, port)

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def is_used(prefix: Path | None) -> bool:
    """Whether some strace still writes there."""
    mark = f"\0-o\0{prefix}\0".encode()
    return any(mark in _command_line(entry) for entry in Path("/proc").glob("[0-9]*"))


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_idle(pid: int) -> bool:
    """Whether all threads of a process sleep."""
    return all(map(is_asleep, Path(f"/proc/{pid}/task").iterdir()))


def is_asleep(thread: Path) -> bool:
    """Whether it waits for something; one that has ended waits for ever."""
    try:
        return thread.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "S"
    except FileNotFoundError:
        return True


def player(scene: str, **settings: Any) -> list[str]:
    """The command of one of our own scenes."""
    return [sys.executable, "-m", "exact.player", scene, json.dumps(settings)]
