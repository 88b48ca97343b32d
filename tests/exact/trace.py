"""
What strace saw a program do with its TCP sockets: the truth about programs without a book.

In: the files that strace wrote, one a thread.  Out: calls that moved bytes, and how many.
Strace names the descriptor's kind beside its number, so that files and pipes are told apart.
Of a call that the program's end cut off it cannot say whether it was done: such a truth is none.
"""

import re
from dataclasses import dataclass
from pathlib import Path

CALL = re.compile(r"^(\w+)\(\d+<TCP(?:v6)?:\[[^>]*:(\d+)->.*= (\d+)(?: \(DELAYED\))?$")
CUT_OFF = re.compile(r"^\w+\(\d+<TCP(?:v6)?:\[[^>]*->.*(?: = \?|<unfinished \.\.\.>)$", re.M)
READS = {"read", "readv", "recvfrom", "recvmsg", "preadv2"}
WRITES = {"write", "writev", "sendto", "sendmsg", "sendfile", "pwritev2"}
COUNTED_OTHERWISE = {"sendmmsg", "recvmmsg", "splice"}


@dataclass(frozen=True)
class Traced:
    """Sums over all threads."""

    reads: int
    writes: int
    read_bytes: int
    written_bytes: int
    closes: int

    @property
    def calls(self) -> tuple[int, int]:
        return self.reads, self.writes

    @property
    def bytes(self) -> tuple[int, int]:
        return self.read_bytes, self.written_bytes


def traced(prefix: Path, port: int | None = None) -> Traced:
    """Add up what a program that has ended, or that is idle, did; at one port, or at all."""
    moved = [
        (name, size)
        for path in prefix.parent.glob(f"{prefix.name}.*")
        for name, local, size in _calls(path)
        if port in (None, local)
    ]
    assert not {name for name, _ in moved} & COUNTED_OTHERWISE
    reads = [size for name, size in moved if name in READS]
    writes = [size for name, size in moved if name in WRITES]
    closes = sum(name == "close" for name, _ in moved)
    return Traced(len(reads), len(writes), sum(reads), sum(writes), closes)


def _calls(path: Path) -> list[tuple[str, int, int]]:
    """Calls that moved bytes or closed, with the local port; a peek takes none."""
    text = path.read_text()
    cut_off = CUT_OFF.findall(text)
    assert not cut_off, f"the program ended inside {cut_off}"
    found = (CALL.match(line.rstrip()) for line in text.splitlines() if "MSG_PEEK" not in line)
    return [
        (match[1], int(match[2]), int(match[3]))
        for match in found
        if match and (int(match[3]) or match[1] == "close")
    ]
