"""Many entries of a map in one call, against one that holds Python's own idea of them."""

import os
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from bench.account import bpf

from podwire.capture.table import Table

pytestmark = pytest.mark.root

MAP_CREATE, HASH, ROOM = 0, 1, 8
U4 = np.dtype("<u4")


@pytest.fixture
def table() -> Iterator[Table]:
    """A hash map of numbers with room for eight, holding 1 to 5 with their tenfold."""
    fd = bpf(MAP_CREATE, struct.pack("<IIII", HASH, 4, 4, ROOM))
    found = Table(fd, U4, U4)
    keys = np.arange(1, 6, dtype=U4)
    found.put_all(keys, keys * 10)
    yield found
    os.close(fd)


def content(table: Table) -> dict[int, int]:
    """All that it holds."""
    keys, values = table.read()
    return dict(zip(keys.tolist(), values.tolist(), strict=True))


def test_many_are_put_and_replaced(table: Table) -> None:
    """What was there is replaced, what was not is added."""
    table.put_all(np.array([5, 6], U4), np.array([55, 66], U4))

    assert {1: 10, 2: 20, 3: 30, 4: 40, 5: 55, 6: 66} == content(table)


def test_nothing_is_nothing(table: Table) -> None:
    """The kernel refuses a count of none; asking for it is fine."""
    table.put_all(np.array([], U4), np.array([], U4))
    table.remove_all(np.array([], U4))

    assert 5 == len(content(table))


@pytest.mark.parametrize("keys", [[2, 4], [9, 2, 4], [2, 9, 9, 4], [2, 4, 9], [2, 2, 4, 4]])
def test_many_are_removed_whether_or_not_they_are_there(table: Table, keys: list[int]) -> None:
    """The kernel stops at the first that is missing; those behind it go all the same."""
    table.remove_all(np.array(keys, U4))

    assert {1: 10, 3: 30, 5: 50} == content(table)


def test_a_full_map_is_said(table: Table) -> None:
    """What did not find room is an error, not a silence."""
    keys = np.arange(10, 20, dtype=U4)

    with pytest.raises(OSError, match="writing a map"):
        table.put_all(keys, keys)
    assert ROOM == len(content(table))
