"""
The table by which a Go program finds its own functions: no `strip` removes it.

In: an ELF file.  Out: where functions begin and return. Formats of Go 1.18 and later.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from podwire.capture.tls.elf import Elf, Unreadable

MAGICS = {0xFFFFFFF0: "1.18", 0xFFFFFFF1: "1.20"}
OLD = {0xFFFFFFFA, 0xFFFFFFFB}
SECTIONS = (".gopclntab", ".data.rel.ro.gopclntab")
RET = 0xC3
PROLOGUES = (b"\x49\x3b\x66\x10", b"\x4c\x8d\x64\x24", b"\x4c\x8d\xa4\x24")
"""Comparing the stack's end with the stack pointer, or with one that is far below it."""

BEGIN = re.compile(
    rb"(?s)(?:\x49|\x4c\x8d\x64\x24.\x4d|\x4c\x8d\xa4\x24....\x4d)\x3b\x66\x10"
    rb"(?:\x0f\x86....|\x76.)(?=\x55)"
)
"""The check of the stack, the jump to where it grows, and before what: saving a register."""

LONGEST_BEGIN = 20
MOST_CODE = 1 << 16
SAMPLE = 24
"""Functions that are looked at to make sure of where code begins."""

MOST_BASE = 1 << 16
"""Bytes of C code that a linker puts before the first Go function, at most."""


class TooOld(Unreadable):
    """A table of before Go 1.18."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a Go program."""

    entry: int
    """Its offset from where Go's code begins."""

    end: int
    returns_at: int
    """Where its table of stack depths is."""


class Pclntab:
    """The table of one file."""

    def __init__(self, elf: Elf) -> None:
        self._elf = elf
        section = elf.section_or_none(*SECTIONS)
        self._at, self._size = (section.offset, section.size) if section else _search(elf)
        head = elf.read(self._at, 72)
        magic, _, unit, pointer = struct.unpack_from("<IHBB", head)
        if magic in OLD:
            raise TooOld("it was built with a Go before 1.18")
        if magic not in MAGICS or pointer != 8 or unit != 1:
            raise Unreadable("its table of Go functions is of an unknown form")
        words = struct.unpack_from("<8Q", head, 8)
        self._count, _, self._text, self._names, self._names_end, _, *rest = words
        self._depths, self._functions = rest
        if self._count * 8 > self._size or max(words[3:]) > self._size:
            raise Unreadable("its table of Go functions points outside of itself")

    def find(self, names: tuple[str, ...]) -> dict[str, Function]:
        """Functions by name; those that were not linked in are not there."""
        wanted = self._places(names)
        return {
            name: function
            for name, at in wanted.items()
            if (function := self._function_or_none(at)) is not None
        }

    def _places(self, names: tuple[str, ...]) -> dict[str, int]:
        """Where the names are, from where all names begin."""
        found: dict[str, int] = {}
        needles = {name: b"\0" + name.encode() + b"\0" for name in names}
        start, longest = self._at + self._names, max(map(len, needles.values()))
        for at, data in self._elf.pieces(start, self._names_end - self._names, longest - 1):
            for name, needle in needles.items():
                place = data.find(needle)
                if place >= 0:
                    found.setdefault(name, at + place + 1 - start)
            if len(found) == len(names):
                break
        return found

    def _function_or_none(self, name_at: int) -> Function | None:
        """The one whose record has this name; a record is known by its row of the index, too."""
        needle = struct.pack("<I", name_at)
        records = self._at + self._functions
        index_size = self._count * 8 + 4
        start, size = records + index_size, self._size - self._functions - index_size
        for at, data in self._elf.pieces(start, size, 7):
            place = data.find(needle)
            while place >= 0:
                record = at + place - 4 - records
                if record % 4 == 0 and (found := self._if_indexed(record)):
                    return found
                place = data.find(needle, place + 1)
        return None

    def _if_indexed(self, record: int) -> Function | None:
        entry = self._word(self._functions + record)
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._word(self._functions + middle * 8) < entry:
                low = middle + 1
            else:
                high = middle
        if low == self._count:
            return None
        begins, offset, end = struct.unpack(
            "<III", self._elf.read(self._at + self._functions + low * 8, 12)
        )
        if begins != entry or offset != record:
            return None
        return Function(entry, end, self._word(self._functions + record + 16))

    def _word(self, at: int) -> int:
        return int.from_bytes(self._elf.read(self._at + at, 4), "little")

    def base(self) -> int:
        """
        The address of Go's first function.

        Some versions say it, some linkers put C before it: it is right when functions begin there.
        """
        entries = self._sample()
        for base in self._candidates():
            if self._is_code_of_go(base, entries):
                return base
        raise Unreadable("where its Go code begins cannot be told")

    def _candidates(self) -> Iterator[int]:
        if self._text:
            yield self._text
        text = self._elf.section_or_none(".text")
        if text:
            yield from range(text.address, text.address + min(text.size, MOST_BASE), 16)

    def _sample(self) -> list[int]:
        """Where some functions begin, from all over the program."""
        step = max(self._count // SAMPLE, 1)
        rows = range(0, self._count, step)
        return [self._word(self._functions + row * 8) for row in rows]

    def _is_code_of_go(self, base: int, entries: list[int]) -> bool:
        """Most functions ask for the end of their stack first; small ones do not."""
        hits = 0
        for number, entry in enumerate(entries):
            try:
                code = self._elf.read(self._elf.offset_of(base + entry, 4), 4)
            except Unreadable:
                return False
            hits += code in PROLOGUES
            if number == SAMPLE // 4 and not hits:
                return False
        return hits * 3 >= len(entries)

    def begin(self, function: Function, base: int) -> int:
        """
        The file offset at which it has begun for good.

        A function whose stack has to grow begins again. Behind that check it saves a register: by
        an instruction that the kernel does itself for a probe, instead of by a second trap.
        """
        offset = self._elf.offset_of(base + function.entry, LONGEST_BEGIN)
        check = BEGIN.match(self._elf.read(offset, LONGEST_BEGIN))
        return offset + (check.end() if check else 0)

    def returns(self, function: Function, base: int) -> tuple[int, ...]:
        """
        File offsets of its RET instructions.

        Go says for each instruction how deep the stack is. It is empty at the function's first
        instructions, and then only from where it returns on.
        """
        size = function.end - function.entry
        if not 0 < size <= MOST_CODE:
            raise Unreadable("a Go function has an impossible size")
        offset = self._elf.offset_of(base + function.entry, size)
        code = self._elf.read(offset, size)
        empty = (at for at, depth in self._depths_of(function, size) if at and not depth)
        return tuple(offset + at for at in empty if code[at] == RET)

    def _depths_of(self, function: Function, size: int) -> Iterator[tuple[int, int]]:
        """From which byte of the function on the stack is how deep."""
        most = min(1 << 14, self._functions - self._depths - function.returns_at)
        data = self._elf.read(self._at + self._depths + function.returns_at, most)
        at, place, depth = 0, 0, -1
        while place < size:
            change, at = _number(data, at)
            if not change and place:
                return
            depth += -(change + 1 >> 1) if change & 1 else change >> 1
            length, at = _number(data, at)
            yield place, depth
            place += length


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where the next one begins."""
    value = shift = 0
    while at < len(data) and shift < 35:
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
        shift += 7
    raise Unreadable("its table of stack depths is cut short")


def _search(elf: Elf) -> tuple[int, int]:
    """Without a table of sections: by the first bytes, where read-only data may be."""
    needles = [struct.pack("<IHBB", magic, 0, 1, 8) for magic in MAGICS]
    for offset, size in elf.constants():
        for at, data in elf.pieces(offset, size, 7):
            for needle in needles:
                place = data.find(needle)
                if place >= 0:
                    return at + place, offset + size - at - place
    raise Unreadable("it has no table of Go functions")
