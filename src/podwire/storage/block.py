"""
Columns in ClickHouse's Native format, made from arrays without a Python object for a value.

In: arrays, and pools of texts with the codes of those that are meant.  Out: bytes to insert.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]

_LOW_CARDINALITY_VERSION = np.uint64(1).tobytes()
_KEYS_FOLLOW_32 = np.uint64(0x600 | 2).tobytes()
"""Additional keys, a new dictionary, indexes of 32 bits."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its type; `data` is what Native has after the type's name."""

    type: str
    data: bytes


def block(columns: Mapping[str, Column], rows: int) -> bytes:
    """One block of so many rows."""
    parts = [varint(len(columns)), varint(rows)]
    for name, column in columns.items():
        parts += (sized(name), sized(column.type), column.data)
    return b"".join(parts)


def varint(number: int) -> bytes:
    r"""
    A size as Native has it.

    >>> varint(300)
    b'\xac\x02'
    """
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def sized(text: str) -> bytes:
    """A text with its size before it."""
    data = text.encode("utf-8", "surrogateescape")
    return varint(len(data)) + data


def longs(values: Longs) -> Column:
    return Column("Int64", np.ascontiguousarray(values, np.int64).tobytes())


def seconds(values: Longs) -> Column:
    """Unix times."""
    return Column("DateTime('UTC')", values.astype(np.uint32).tobytes())


def texts(pool: Sequence[bytes], codes: Longs) -> Column:
    """Texts out of a pool of sized ones."""
    return Column("String", b"".join(map(pool.__getitem__, codes.tolist())))


def few_texts(pool: Sequence[str], codes: Longs) -> Column:
    """Texts of which there are few different ones."""
    data = (
        *(_LOW_CARDINALITY_VERSION, _KEYS_FOLLOW_32, np.uint64(len(pool)).tobytes()),
        *map(sized, pool),
        *(np.uint64(len(codes)).tobytes(), codes.astype(np.uint32).tobytes()),
    )
    return Column("LowCardinality(String)", b"".join(data))
