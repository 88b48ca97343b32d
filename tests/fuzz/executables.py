"""
Executables that somebody spoiled, for the reader of their tables.

Each real file is kept in memory once; what an execution changes in it is put back.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random

from podwire.capture.tls.elf import Elf, Unreadable
from podwire.capture.tls.mapping import mapped_in
from podwire.capture.tls.scan import scan

MAPS = (
    b"00400000-00401000 r-xp 00000000 fe:00 4711                       /usr/bin/a b (deleted)\n"
    b"7f0000000000-7f0000001000 r-xp 00000000 fe:00 12 /lib/libssl.so.3\n7ff0-7ff1 --xp 0 0:0 0\n"
)
FILES = tuple(
    Path(each).resolve()
    for each in ("/usr/lib/x86_64-linux-gnu/libssl.so.3", sys.executable, shutil.which("go"))
    if each
)
"""A library, a program, and Go's own command, which is a Go program with TLS in it."""

TABLES = (".dynamic", ".gnu.hash", ".dynsym", ".gopclntab", ".go.buildinfo", ".note.gnu.build-id")
SOON = 4096
"""Bytes at the beginning of a table that lead to the rest of it."""


@cache
def _kept(path: Path) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The file in memory, and where its tables are."""
    fd = os.memfd_create(path.name)
    os.write(fd, path.read_bytes())
    elf = Elf(fd)
    places = [(0, 1024), (elf.size - 4096, 4096)]
    for name in TABLES:
        section = elf.section_or_none(name)
        if section:
            places.append((section.offset, min(section.size, SOON)))
    return fd, tuple(places)


@contextmanager
def _spoiled(random: Random, fd: int, places: tuple[tuple[int, int], ...]) -> Iterator[None]:
    before: list[tuple[int, bytes]] = []
    for _ in range(random.randrange(6)):
        start, size = random.choice(places)
        at = start + random.randrange(size)
        width = random.choice((1, 4, 8))
        before.append((at, os.pread(fd, width, at)))
        value = random.choice((0, 1, 0xFF, 2**31, 2**64 - 1, random.getrandbits(64)))
        os.pwrite(fd, (value % 256**width).to_bytes(width, "little"), at)
    try:
        yield
    finally:
        for at, data in reversed(before):
            os.pwrite(fd, data, at)


@contextmanager
def _cut(random: Random, fd: int) -> Iterator[None]:
    """Sometimes the file ends early."""
    size = os.fstat(fd).st_size
    end = random.randrange(size)
    if random.randrange(4):
        yield
        return
    tail = os.pread(fd, size - end, end)
    os.ftruncate(fd, end)
    try:
        yield
    finally:
        os.pwrite(fd, tail, end)


def read_executables(random: Random) -> None:
    """Whoever wrote it, and whatever is left of it."""
    fd, places = _kept(random.choice(FILES))
    with _spoiled(random, fd, places), _cut(random, fd), contextlib.suppress(Unreadable):
        scan(fd)


def read_mappings(lines: bytes) -> None:
    """File names are whatever somebody made of them."""
    for each in mapped_in(lines):
        assert list(each.paths(Path("/proc/7")))
