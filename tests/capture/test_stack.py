"""
How deep the programs call and how much of the stack they take, as kernels before 6.3 count it.

The truth is the verifier's rule, applied to the compiled code: this system's own is milder.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from podwire.capture.hooks import ELDER, OBJECT
from podwire.capture.tls.attach import OBJECT as PROBES

MOST_BYTES, STEP, MOST_FRAMES = 512, 32, 8
SYMBOLS, RELOCATIONS = 2, 9
FUNCTION = 2
CALL, WIDE, COPY, ADD = 0x85, 0x18, 0xBF, 0x07
LOADS, STORES = (1,), (2, 3)
TAIL_CALL = 12
LENT_BYTES = 64
"""A program with a function that needs so much may be lent a stack of its CPU (6.13)."""

FRAME = 10
"""The register that points at the end of a function's stack."""


@dataclass
class Function:
    """One function of an object."""

    name: str
    code: bytes
    calls: list[tuple[int, int]] = field(default_factory=list)
    """Section and place of what it calls, or hands to a loop."""

    @property
    def stack_bytes(self) -> int:
        """As a kernel counts it: the lowest place that is used, in steps."""
        lowest, copied = 0, -1
        for at in range(0, len(self.code), 8):
            code, registers, offset, number = struct.unpack_from("<BBhi", self.code, at)
            target, source = registers & 15, registers >> 4
            if (code & 7 in LOADS and source == FRAME) or (code & 7 in STORES and target == FRAME):
                lowest = min(lowest, offset)
            if code == ADD and target == copied:
                lowest = min(lowest, number)
            copied = target if code == COPY and source == FRAME else -1
        return max(STEP, -(lowest // STEP) * STEP)

    @property
    def helpers(self) -> set[int]:
        """Numbers of the kernel's functions that it calls."""
        steps = struct.iter_unpack("<BBhi", self.code)
        return {number for code, registers, _, number in steps if (code, registers) == (CALL, 0)}


def functions(path: Path) -> Mapping[tuple[int, int], Function]:
    """By section and place in it."""
    data = path.read_bytes()
    start, count = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<H", data, 60)[0]
    heads = [struct.unpack_from("<IIQQQQIIQQ", data, start + 64 * at) for at in range(count)]
    (table,) = (head for head in heads if head[1] == SYMBOLS)
    symbols = list(struct.iter_unpack("<IBBHQQ", data[table[4] : table[4] + table[5]]))
    names = heads[table[6]][4]
    found = {}
    for name, kind, _, section, place, size in symbols:
        if kind & 15 == FUNCTION and size:
            begin = heads[section][4] + place
            text = data[names + name : data.index(b"\0", names + name)].decode()
            found[section, place] = Function(text, data[begin : begin + size])
    told: set[tuple[int, int]] = set()
    for head in heads:
        if head[1] == RELOCATIONS:
            entries = struct.iter_unpack("<QII", data[head[4] : head[4] + head[5]])
            places = [(at, symbols[which]) for at, _, which in entries]
            _relocate(found, head[7], places)
            told |= {(head[7], at) for at, _ in places}
    for (section, place), function in found.items():
        function.calls += [
            (section, place + to)
            for at, to in _near(function.code)
            if (section, place + at) not in told
        ]
    return found


def _relocate(
    found: Mapping[tuple[int, int], Function],
    section: int,
    relocations: list[tuple[int, tuple[int, ...]]],
) -> None:
    for at, symbol in relocations:
        for (own, place), function in found.items():
            if own != section or not place <= at < place + len(function.code):
                continue
            code, registers, _, number = struct.unpack_from("<BBhi", function.code, at - place)
            if code == CALL and registers >> 4 == 1:
                function.calls.append((symbol[3], symbol[4] + (number + 1) * 8))
            elif code == WIDE and (symbol[3], symbol[4] + number) in found:
                function.calls.append((symbol[3], symbol[4] + number))


def _near(code: bytes) -> Iterator[tuple[int, int]]:
    """Calls and where they go unless a relocation says it, from the function's own beginning."""
    for at in range(0, len(code), 8):
        kind, registers, _, number = struct.unpack_from("<BBhi", code, at)
        if kind == CALL and registers >> 4 == 1:
            yield at, at + (number + 1) * 8


def deepest(path: Path) -> Iterator[tuple[str, int, int]]:
    """Each function that nobody calls, with the most frames and bytes of any chain from it."""
    found = functions(path)

    @cache
    def below(key: tuple[int, int]) -> tuple[int, int]:
        called = [below(each) for each in found[key].calls if each in found]
        frames = max((each[0] for each in called), default=0)
        return frames + 1, found[key].stack_bytes + max((each[1] for each in called), default=0)

    inner = {each for function in found.values() for each in function.calls}
    for key, function in found.items():
        if key not in inner:
            yield function.name, *below(key)


@pytest.mark.parametrize("path", [OBJECT, ELDER], ids=lambda path: path.name)
def test_the_longest_chain_fits_the_stack_of_older_kernels(path: Path) -> None:
    """512 bytes in steps of 32, and eight frames."""
    chains = list(deepest(path))

    assert {"enter", "leave", "destroy", "set_state"} <= {name for name, _, _ in chains}
    assert [] == [each for each in chains if each[1] > MOST_FRAMES or each[2] > MOST_BYTES]


def test_a_program_that_may_be_preempted_stays_on_the_stack_of_its_task() -> None:
    """Nothing guards a probe's; one that could go over to another is lent no stack (0012)."""
    found = functions(PROBES)
    called = {section for function in found.values() for section, _ in function.calls}

    def tree(key: tuple[int, int]) -> Iterator[Function]:
        yield found[key]
        for each in found[key].calls:
            yield from tree(each) if each in found else ()

    deep = {
        function.name: function
        for key, function in found.items()
        if key[0] not in called and max(each.stack_bytes for each in tree(key)) >= LENT_BYTES
    }
    assert {"tls_read", "tls_leave", "go_leave"} <= deep.keys()
    assert [] == [name for name, each in deep.items() if TAIL_CALL not in each.helpers]
