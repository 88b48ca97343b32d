"""
What an ELF file says of itself: sections, segments, build-id, symbols.

In: an open file that anybody may have written, and may still be writing.  Out: numbers, or
`Unreadable` with the reason. Only what is asked for is read, a piece at a time: a file that is
mapped and then cut short would end the agent, and one that is read whole would fill it.
"""

import os
import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

PIECE = 1 << 20
"""Bytes read at once when much is looked through."""

MOST = 64 << 20
"""Bytes of one table that are read whole, at most."""

MOST_READ = 1 << 30
"""Bytes that are read of one file, at most, however often its tables point at them;"""

LEAST_READ = 1 << 10
"""and reading fewer than so many counts as much, or small reads would never end."""

MOST_SEGMENTS = 256
"""Some fifteen are usual, and each address is looked for in all of them."""

LONGEST_NAME, LONGEST_ID = 64, 64
"""Bytes of a section's name and of a build-id: what is longer is nobody's."""

MOST_NAMES = 4096
"""Places where the names that are looked for may be."""

X86_64 = 62
IS_LOADED, IS_EXECUTABLE = 2, 4
LOAD, DYNAMIC, NOTE = 1, 2, 4
PROGBITS, SYMTAB = 1, 2
EXECUTE = 1
FUNCTION = 2
BUILD_ID = 3
SYMBOL = struct.Struct("<IBBHQQ")
STRTAB_AT, SYMTAB_AT, HASH_AT, GNU_HASH_AT = 5, 6, 4, 0x6FFFFEF5


class Unreadable(ValueError):
    """The file is not what it should be; the message says how."""


def no_pause() -> None:
    """For whoever is in a hurry."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section; the name is read on its own."""

    name_at: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of the file as it is put into memory."""

    kind: int
    flags: int
    offset: int
    address: int
    size: int


class Elf:
    """A 64-bit program or library for x86-64, read through `fd`, which stays the caller's."""

    def __init__(self, fd: int, pause: Callable[[], None] = no_pause) -> None:
        self._fd = fd
        self._pause = pause
        self._left = MOST_READ
        self.size = os.fstat(fd).st_size
        head = self.read(0, 64)
        if head[:4] != b"\x7fELF":
            raise Unreadable("it is no ELF file")
        if head[4:6] != b"\x02\x01" or struct.unpack_from("<H", head, 18)[0] != X86_64:
            raise Unreadable("it is not for 64-bit x86")
        self.entry, self._segments_at, self._sections_at = struct.unpack_from("<QQQ", head, 24)
        self._segment_size, self._segment_count = struct.unpack_from("<HH", head, 54)
        self._section_size, self._section_count, self._names = struct.unpack_from("<HHH", head, 58)

    def read(self, offset: int, size: int) -> bytes:
        """So many bytes from there, all of them, after a pause if one is due."""
        if offset < 0 or size < 0 or offset + size > self.size or size > MOST:
            raise Unreadable("it is cut short, or points outside of itself")
        self._left -= max(size, LEAST_READ)
        if self._left < 0:
            raise Unreadable("it is too large to look through")
        self._pause()
        data = os.pread(self._fd, size, offset)
        if len(data) != size:
            raise Unreadable("it became shorter while it was read")
        return data

    def pieces(self, offset: int, size: int, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
        """A long stretch in pieces, each with where it begins."""
        end = min(offset + size, self.size)
        for start in range(offset, end, PIECE):
            yield start, self.read(start, min(PIECE + overlap, end - start))

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """As the kernel loads them."""
        if self._segment_count and self._segment_size != 56:
            raise Unreadable("its segments have a size of their own")
        if self._segment_count > MOST_SEGMENTS:
            raise Unreadable("it has too many segments")
        table = self.read(self._segments_at, self._segment_count * 56)
        rows = struct.iter_unpack("<IIQQQQQQ", table)
        return tuple(
            Segment(kind, flags, offset, address, size)
            for kind, flags, offset, address, _, size, _, _ in rows
        )

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """None where they were stripped away, too."""
        if not self._sections_at or not self._section_count:
            return ()
        if self._section_size != 64:
            raise Unreadable("its sections have a size of their own")
        table = self.read(self._sections_at, self._section_count * 64)
        rows = struct.iter_unpack("<IIQQQQIIQQ", table)
        return tuple(Section(*row[:7]) for row in rows)

    def section_or_none(self, *names: str) -> Section | None:
        """The section of the first of these names that there is."""
        by_name = self._by_name
        return next((by_name[name] for name in names if name in by_name), None)

    @cached_property
    def _by_name(self) -> dict[str, Section]:
        if self._names >= len(self.sections):
            return {}
        at = self.sections[self._names]
        names = self.read(at.offset, min(at.size, 1 << 20))
        return {_text(names, each.name_at): each for each in self.sections}

    def offset_of(self, address: int, size: int = 1) -> int:
        """Where in the file is what is at this address in memory."""
        for each in self.segments:
            if each.kind == LOAD and each.address <= address <= each.address + each.size - size:
                return address - each.address + each.offset
        raise Unreadable("it has an address that is not in the file")

    def is_code(self, address: int) -> bool:
        """Whether this address is in an executable part of the file."""
        return any(
            each.kind == LOAD
            and each.flags & EXECUTE
            and each.address <= address < each.address + each.size
            for each in self.segments
        )

    def build_id(self) -> str:
        """In hexadecimal; empty where there is none."""
        for each in self.segments:
            if each.kind == NOTE:
                found = _build_id(self.read(each.offset, min(each.size, 1 << 16)))
                if found:
                    return found
        return ""

    def exported(self, names: Collection[str]) -> dict[str, int]:
        """Addresses of the functions of these names that others may call."""
        dynamic = self._dynamic
        if not {STRTAB_AT, SYMTAB_AT} <= dynamic.keys():
            return {}
        find = next((each for key, each in self._tables.items() if key in dynamic), None)
        found = ((name, find(name)) for name in names) if find else ()
        return {name: address for name, address in found if address}

    @property
    def _tables(self) -> dict[int, Callable[[str], int]]:
        return {GNU_HASH_AT: self._find_by_gnu_hash, HASH_AT: self._find_by_hash}

    @cached_property
    def _dynamic(self) -> dict[int, int]:
        for each in self.segments:
            if each.kind == DYNAMIC:
                table = self.read(each.offset, min(each.size, 1 << 16) // 16 * 16)
                return dict(struct.iter_unpack("<QQ", table))
        return {}

    def _word_at(self, address: int) -> int:
        return int.from_bytes(self.read(self.offset_of(address, 4), 4), "little")

    def _find_by_gnu_hash(self, name: str) -> int:
        """Its table begins with a filter that refuses nearly every name that is not there."""
        table = self._dynamic[GNU_HASH_AT]
        head = self.read(self.offset_of(table, 16), 16)
        buckets, first, filters, shift = struct.unpack("<IIII", head)
        if not buckets or not filters:
            return 0
        value = gnu_hash(name)
        at = table + 16 + (value // 64 % filters) * 8
        bits = int.from_bytes(self.read(self.offset_of(at, 8), 8), "little")
        if not bits >> (value % 64) & bits >> ((value >> shift) % 64) & 1:
            return 0
        chains = table + 16 + filters * 8 + buckets * 4
        index = self._word_at(chains - (buckets - value % buckets) * 4)
        return self._follow(index, chains - first * 4, value, name) if index >= first else 0

    def _follow(self, index: int, chains: int, value: int, name: str) -> int:
        for each in range(index, index + 4096):
            said = self._word_at(chains + each * 4)
            if said | 1 == value | 1 and (address := self._address_if(each, name)):
                return address
            if said & 1:
                return 0
        raise Unreadable("its table of symbols goes round")

    def _find_by_hash(self, name: str) -> int:
        """The table of before 2006, still made for some."""
        table = self._dynamic[HASH_AT]
        buckets, count = struct.unpack("<II", self.read(self.offset_of(table, 8), 8))
        if not buckets:
            return 0
        index = self._word_at(table + 8 + sysv_hash(name) % buckets * 4)
        for _ in range(min(count, 4096)):
            if not index:
                return 0
            if address := self._address_if(index, name):
                return address
            index = self._word_at(table + 8 + (buckets + index) * 4)
        raise Unreadable("its table of symbols goes round")

    def _address_if(self, index: int, name: str) -> int:
        """Of the exported symbol with this number, if it is a function of this name."""
        at = self.offset_of(self._dynamic[SYMTAB_AT] + index * 24, 24)
        name_at, info, _, section, address, _ = SYMBOL.unpack(self.read(at, 24))
        wanted = name.encode() + b"\0"
        names = self._dynamic[STRTAB_AT]
        if not section or info & 15 != FUNCTION:
            return 0
        text = self.read(self.offset_of(names + name_at, len(wanted)), len(wanted))
        return address if text == wanted else 0

    def local(self, names: Collection[str]) -> dict[str, int]:
        """Addresses of functions by the table that `strip` removes; the slow way."""
        found: dict[str, int] = {}
        for table in self.sections:
            if table.kind == SYMTAB and table.link < len(self.sections):
                wanted = self._names_in(self.sections[table.link], names)
                if wanted:
                    found |= self._addresses(table, wanted)
        return found

    def _names_in(self, strings: Section, names: Collection[str]) -> dict[int, str]:
        """Where these names are; the end of a longer name serves as a name, too."""
        found: dict[int, str] = {}
        needles = {name: name.encode() + b"\0" for name in names}
        longest = max(map(len, needles.values()))
        for start, data in self.pieces(strings.offset, strings.size, longest - 1):
            for name, needle in needles.items():
                found |= {start - strings.offset + at: name for at in _all(data, needle)}
            if len(found) > MOST_NAMES:
                raise Unreadable("it has the same name too often")
        return found

    def _addresses(self, table: Section, wanted: dict[int, str]) -> dict[str, int]:
        found: dict[str, int] = {}
        step = PIECE // 24 * 24
        for start in range(0, table.size // 24 * 24, step):
            data = self.read(table.offset + start, min(step, table.size // 24 * 24 - start))
            names = memoryview(data).cast("I")[::6].tolist()
            for index in (index for index, at in enumerate(names) if at in wanted):
                name_at, info, _, section, address, _ = SYMBOL.unpack_from(data, index * 24)
                if info & 15 == FUNCTION and section:
                    found[wanted[name_at]] = address
        return found

    def constants(self) -> Iterator[tuple[int, int]]:
        """Offset and size of each part that holds strings of the program."""
        parts = [
            (each.offset, each.size)
            for each in self.sections
            if each.kind == PROGBITS
            and each.flags & (IS_LOADED | IS_EXECUTABLE) == IS_LOADED
            and not _text_is_unwinding(self, each)
        ]
        loaded = (each for each in self.segments if each.kind == LOAD)
        yield from parts or [
            (each.offset, each.size) for each in loaded if not each.flags & EXECUTE
        ]


def _text_is_unwinding(elf: Elf, section: Section) -> bool:
    return section in (
        elf.section_or_none(".eh_frame"),
        elf.section_or_none(".gcc_except_table"),
        elf.section_or_none(".gopclntab", ".data.rel.ro.gopclntab"),
    )


def _text(strings: bytes, at: int) -> str:
    return strings[at : at + LONGEST_NAME].partition(b"\0")[0].decode(errors="replace")


def _all(data: bytes, needle: bytes) -> Iterator[int]:
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)


def _build_id(notes: bytes) -> str:
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, at)
        name_at = at + 12
        data_at = name_at + (name_size + 3) // 4 * 4
        is_gnu = notes[name_at : name_at + name_size] == b"GNU\0"
        if kind == BUILD_ID and is_gnu and size <= LONGEST_ID:
            return notes[data_at : data_at + size].hex()
        at = data_at + (size + 3) // 4 * 4
    return ""


def gnu_hash(name: str) -> int:
    """
    Of a symbol's name.

    >>> hex(gnu_hash("printf"))
    '0x156b2bb8'
    """
    value = 5381
    for byte in name.encode():
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def sysv_hash(name: str) -> int:
    """
    Of a symbol's name, as in System V.

    >>> hex(sysv_hash("printf"))
    '0x77905a6'
    """
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        value = (value ^ (value & 0xF0000000) >> 24) & 0x0FFFFFFF
    return value
