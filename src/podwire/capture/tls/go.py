"""
Go's own TLS in a program: where it reads and writes plaintext, and where it returns.

In: the ELF file of a Go program, stripped or not.  Out: points, offsets of fields, the version.
"""

import re

from podwire.capture.tls.elf import Elf, Unreadable
from podwire.capture.tls.pclntab import SECTIONS, Pclntab
from podwire.capture.tls.point import Call, Point

BUILD_INFO = ".go.buildinfo"
MAGIC = b"\xff Go buildinf:"
IS_INLINE = 2
VERSION = re.compile(r"go(\d{1,3})\.(\d{1,3})[\w.+-]{0,32}")
"""Also in `devel go1.23-3fcbf04c`, of a Go between two releases."""

FUNCTIONS = {
    "crypto/tls.(*Conn).Read": Call.READ,
    "crypto/tls.(*Conn).Write": Call.WRITE,
}

LAYOUT = {"conn": 0, "fd": 0, "sysfd": 16, "family": 56, "sotype": 64}
"""
From Go 1.18 to 1.27, in bytes: `conn` of tls.Conn is an interface, whose second word is a
*net.TCPConn; its `fd` is a *net.netFD, and that begins with `sysfd` and has `family` and `sotype`.
"""

NEWEST = (1, 27)
"""The last Go whose layout was looked at."""


def is_go(elf: Elf) -> bool:
    """Whether a Go compiler made it."""
    return elf.section_or_none(BUILD_INFO, *SECTIONS) is not None


def version_of(elf: Elf) -> str:
    """As the program carries it; `Go` where it does not."""
    section = elf.section_or_none(BUILD_INFO)
    if section is None or section.size < 34:
        return "Go"
    info = elf.read(section.offset, min(section.size, 256))
    if not info.startswith(MAGIC) or not info[15] & IS_INLINE:
        return "Go"
    found = VERSION.search(info[33 : 33 + info[32]].decode(errors="replace"))
    return found[0] if found else "Go"


def is_layout_known(version: str) -> bool:
    """Whether somebody looked at the fields of this version."""
    found = VERSION.match(version)
    return found is None or (int(found[1]), int(found[2])) <= NEWEST


def points_of(elf: Elf) -> tuple[Point, ...]:
    """Empty when the program has no TLS of Go's in it."""
    table = Pclntab(elf)
    functions = table.find(tuple(FUNCTIONS))
    if not functions:
        return ()
    base = table.base()
    points = []
    for name, function in functions.items():
        returns = table.returns(function, base)
        if not returns:
            raise Unreadable(f"{name} returns nowhere")
        offset = table.begin(function, base)
        points.append(Point(call=FUNCTIONS[name], symbol=name, offset=offset, returns=returns))
    return tuple(points)
