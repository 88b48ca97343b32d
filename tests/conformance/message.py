"""
Protobuf by hand: the field numbers in these tests come from the protocol, not from our own texts.

In: field numbers and values.  Out: bytes; and back.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Value = str | bytes | int | float
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def message(*fields: tuple[int, Value | None]) -> bytes:
    """The bytes of a message; a field of None is left out."""
    return b"".join(_field(number, value) for number, value in fields if value is not None)


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, float):
        return varint(number << 3 | FIXED64) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | BYTES) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was received."""

    fields: tuple[tuple[int, int | bytes], ...]

    @classmethod
    def of(cls, data: bytes) -> "Message":
        return cls(tuple(_fields(data)))

    def number(self, field: int) -> int:
        """The last whole number of a field; 0 when there is none."""
        found = [value for number, value in self.fields if number == field]
        assert not found or isinstance(found[-1], int)
        return int(found[-1]) if found else 0

    def all_bytes(self, field: int) -> list[bytes]:
        """Every value of a field with a length."""
        return [v for n, v in self.fields if n == field and isinstance(v, bytes)]

    def text(self, field: int) -> str:
        """The last text of a field; empty when there is none."""
        return (self.all_bytes(field) or [b""])[-1].decode()

    def all(self, field: int) -> list["Message"]:
        """Every message in a field."""
        return [Message.of(each) for each in self.all_bytes(field)]


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == VARINT:
            value, at = read_varint(data, at)
            yield key >> 3, value
            continue
        size, at = (8, at) if kind == FIXED64 else (4, at)
        if kind == BYTES:
            size, at = read_varint(data, at)
        yield key >> 3, data[at : at + size]
        at += size


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends; IndexError when the data ends first."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
