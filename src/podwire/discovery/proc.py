"""
What /proc says of one process.

In: /proc, which any process may leave at any time.  Out: facts, or None of one that left.
"""

import os
from dataclasses import dataclass
from pathlib import Path

COMM_LIMIT = 15
"""The kernel keeps so many letters of a name."""

BEING_MADE = "runc:["
"""How runc calls a container's first process until that becomes the container's program."""


@dataclass(frozen=True, slots=True)
class Life:
    """A pid and when it began: together they never come again."""

    pid: int
    start_ticks: int


@dataclass(frozen=True, slots=True)
class Facts:
    """One process as it looks now."""

    life: Life
    name: str
    path: str
    command_line: str
    cgroup: str


class Proc:
    """Reads one /proc; `root` is where it is mounted."""

    def __init__(self, root: Path = Path("/proc")) -> None:
        self._root = str(root)

    def pids(self) -> list[int]:
        """Every process, now."""
        return [int(entry.name) for entry in Path(self._root).iterdir() if entry.name.isdigit()]

    def life_or_none(self, pid: int) -> Life | None:
        """When a process began; None once it has ended, though nobody may have noticed."""
        stat = self._text(pid, "stat")
        fields = stat.rpartition(")")[2].split()
        if len(fields) < 20 or not fields[19].isdecimal():
            return None
        if fields[0] in "ZX" and fields[17] == "1":
            return None
        return Life(pid, int(fields[19]))

    def cgroup(self, pid: int) -> str:
        """The process's control groups; empty when it is gone."""
        return self._text(pid, "cgroup")

    def path(self, pid: int) -> str:
        """The program it runs; empty when we may not know: that needs SYS_PTRACE."""
        try:
            found = Path(f"{self._root}/{pid}/exe").readlink()
        except OSError:
            return ""
        return os.fsencode(found).decode(errors="replace")  # a name is bytes; the wire wants text

    def facts_or_none(self, life: Life) -> Facts | None:
        """All of it; None when it is gone or is not yet the program it will be."""
        path, comm = self.path(life.pid), self._text(life.pid, "comm").rstrip("\n")
        words = [word for word in self._text(life.pid, "cmdline").split("\0") if word]
        cgroup = self.cgroup(life.pid)
        if not comm or not cgroup or comm.startswith(BEING_MADE):
            return None
        name = short_name(comm, words[0] if words else "")
        return Facts(life, name, path.removesuffix(" (deleted)"), " ".join(words), cgroup)

    def _text(self, pid: int, file: str) -> str:
        try:
            return Path(f"{self._root}/{pid}/{file}").read_text(errors="replace")
        except OSError:
            return ""


def short_name(comm: str, first_word: str) -> str:
    """
    A process's name: the kernel's, and where that was cut, the command's that it begins.

    >>> short_name("nginx", "nginx: worker process")
    'nginx'
    >>> short_name("metrics-exporte", "/bin/metrics-exporter")
    'metrics-exporter'
    """
    last = first_word.rpartition("/")[2]
    return last if len(comm) >= COMM_LIMIT and last.startswith(comm) else comm
