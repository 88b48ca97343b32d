"""
One file looked through for TLS.

In: an open file.  Out: what it has of TLS, or None of one that has nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from podwire.capture.tls import family, go
from podwire.capture.tls.elf import Elf, no_pause
from podwire.capture.tls.pclntab import TooOld
from podwire.capture.tls.point import Family, Point
from podwire.model.tls import Reason


@dataclass(frozen=True, slots=True)
class Scan:
    """What one file has of TLS, whoever runs it."""

    library: str
    family: Family | None = None
    build_id: str = ""
    points: tuple[Point, ...] = ()
    layout: Mapping[str, int] = field(default_factory=dict)
    reason: Reason | None = None
    detail: str = ""


def scan(fd: int, pause: Callable[[], None] = no_pause) -> Scan | None:
    """Everything that is asked of a file, once; raises `elf.Unreadable` of one that is broken."""
    elf = Elf(fd, pause)
    return (_scan_go(elf) if go.is_go(elf) else None) or _scan_library(elf)


def _scan_go(elf: Elf) -> Scan | None:
    version = go.version_of(elf)
    try:
        points = go.points_of(elf)
    except TooOld:
        return Scan(version, Family.GO, elf.build_id(), reason=Reason.OLD_GO)
    if not points:
        return None
    if not go.is_layout_known(version):
        return Scan(version, Family.GO, elf.build_id(), reason=Reason.NEW_GO)
    return Scan(version, Family.GO, elf.build_id(), points, go.LAYOUT)


def _scan_library(elf: Elf) -> Scan | None:
    addresses = family.addresses_of(elf)
    found, points = family.points_of(elf, addresses)
    if found and points:
        return Scan(family.version_of(elf, found, addresses), found, elf.build_id(), points)
    mark = family.mark_or_none(elf)
    if mark is None:
        return None
    which, version = mark
    name = f"{which.library} {version}".rstrip()
    return Scan(name, build_id=elf.build_id(), reason=which.reason)
