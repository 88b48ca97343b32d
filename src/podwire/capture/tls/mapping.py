"""
Files from which a process runs code.

In: /proc, which the process may leave at any time.  Out: each such file once, and where it opens.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LINE = re.compile(rb"(?m)^([0-9a-f]+)-([0-9a-f]+) ..x. [0-9a-f]+ \S+ ([1-9]\d*) +(/.*)$")
"""Addresses, inode and name of what is executable and a file."""

DELETED = b" (deleted)"
NO_FILES = (b"/memfd:", b"/dev/", b"/SYSV", b"/anon_hugepage", b"//")
"""What is named like a file and is none, such as the code that a machine compiled for itself."""

MOST_BYTES = 4 << 20
"""Of the list of a process, at most: some 40,000 mappings."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A file as one process sees it."""

    range: str
    """Its addresses in that process, as /proc names them."""

    inode: int
    name: str
    is_deleted: bool

    def paths(self, process: Path) -> Iterator[Path]:
        """Where it may be opened from here; the second way needs more rights than the first."""
        if not self.is_deleted:
            yield Path(f"{process}/root{self.name}")
        yield process / "map_files" / self.range


def read_maps(process: Path) -> bytes:
    """The list as it is now; raises `OSError`, as when the process has left."""
    with (process / "maps").open("rb", buffering=0) as file:
        parts: list[bytes] = []
        while sum(map(len, parts)) < MOST_BYTES and (part := file.read(1 << 16)):
            parts.append(part)
    return b"".join(parts)


def mapped_in(maps: bytes) -> tuple[Mapped, ...]:
    """Each file once, in the order of addresses; the program itself is often the first."""
    found: dict[tuple[int, bytes], Mapped] = {}
    for start, end, inode, raw in LINE.findall(maps):
        if raw.startswith(NO_FILES):
            continue
        name = raw.removesuffix(DELETED)
        each = Mapped(
            range=f"{int(start, 16):x}-{int(end, 16):x}",
            inode=int(inode),
            name=name.replace(rb"\012", b"\n").decode(errors="surrogateescape"),
            is_deleted=name != raw,
        )
        found.setdefault((each.inode, name), each)
    return tuple(found.values())
