"""
NumPy dtypes of the structures in a BPF object, read from its own BTF.

In: raw BTF.  Out: dtypes; nothing about a layout is written twice.
"""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

INT, PTR, ARRAY, STRUCT, UNION, ENUM = 1, 2, 3, 4, 5, 6
FORWARD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC = range(7, 16)
FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(16, 20)

TAIL_SIZES = {INT: 4, ARRAY: 12, VAR: 4, DECL_TAG: 4}
ENTRY_SIZES = {STRUCT: 12, UNION: 12, ENUM: 8, FUNC_PROTO: 8, DATASEC: 12, ENUM64: 12}


@dataclass(frozen=True, slots=True)
class _Type:
    name: str
    kind: int
    size_or_type: int
    tail: bytes


class Unreadable(ValueError):
    """The bytes are no BTF, or none that our structures can be in."""


class Layouts:
    """The named structures and enums of one object. Raises `Unreadable`."""

    def __init__(self, raw: bytes) -> None:
        with _as_unreadable():
            self._open(raw)

    def _open(self, raw: bytes) -> None:
        header = struct.unpack_from("<HBBIIIII", raw)
        length, types_at, types_size, strings_at = header[3:7]
        self._strings = raw[length + strings_at :]
        self._types = [_Type("", 0, 0, b"")]
        self._read(raw[length + types_at : length + types_at + types_size])
        named = (STRUCT, ENUM, DATASEC)
        self._by_name = {(each.kind, each.name): each for each in self._types if each.kind in named}

    def _read(self, section: bytes) -> None:
        at = 0
        while at < len(section):
            name, info, size_or_type = struct.unpack_from("<III", section, at)
            kind, entries = info >> 24 & 0x1F, info & 0xFFFF
            tail = TAIL_SIZES.get(kind, 0) + ENTRY_SIZES.get(kind, 0) * entries
            at += 12
            self._types.append(_Type(self._text(name), kind, size_or_type, section[at : at + tail]))
            at += tail

    def _text(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode()

    def structure(self, name: str) -> np.dtype[Any]:
        """The dtype of `struct name`, padding and all. Raises KeyError."""
        found = self._by_name[STRUCT, name]
        with _as_unreadable():
            return self._structure(found)

    def _structure(self, kind: _Type) -> np.dtype[Any]:
        members = [
            (self._text(name), self._dtype(self._types[type_id]), (bits & 0xFFFFFF) // 8)
            for name, type_id, bits in struct.iter_unpack("<III", kind.tail)
        ]
        return np.dtype(
            {
                "names": [name for name, _, _ in members],
                "formats": [dtype for _, dtype, _ in members],
                "offsets": [offset for _, _, offset in members],
                "itemsize": kind.size_or_type,
            }
        )

    def _dtype(self, kind: _Type) -> np.dtype[Any]:
        if kind.kind in (TYPEDEF, CONST, VOLATILE):
            return self._dtype(self._types[kind.size_or_type])
        if kind.kind == ARRAY:
            element, _, count = struct.unpack("<III", kind.tail)
            return np.dtype((self._dtype(self._types[element]), (count,)))
        if kind.kind == STRUCT:
            return self._structure(kind)
        if kind.kind == INT:
            is_signed = struct.unpack("<I", kind.tail)[0] >> 24 & 1
            return np.dtype(f"<{'i' if is_signed else 'u'}{kind.size_or_type}")
        raise TypeError(f"{kind.name or 'a member'} has a BTF kind that is no counter: {kind.kind}")

    def offset(self, section: str, variable: str) -> int:
        """Where a variable lies in its section. Raises KeyError."""
        for type_id, offset, _ in struct.iter_unpack("<III", self._by_name[DATASEC, section].tail):
            if self._types[type_id].name == variable:
                return int(offset)
        raise KeyError(variable)

    def enumeration(self, name: str) -> Mapping[str, int]:
        """The names and values of `enum name`. Raises KeyError."""
        found = self._by_name[ENUM, name]
        with _as_unreadable():
            entries = struct.iter_unpack("<Ii", found.tail)
            return {self._text(text): value for text, value in entries}


@contextmanager
def _as_unreadable() -> Iterator[None]:
    """Whatever stumbles over types that are cut off, or that no compiler makes."""
    try:
        yield
    except (struct.error, IndexError, ValueError, TypeError, RecursionError) as error:
        raise Unreadable(f"the object's types cannot be read: {error}") from error
