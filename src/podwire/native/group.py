"""
Equal keys as groups, and sums of whole numbers that saturate.

In: columns.  Out: group numbers in the order in which keys first come, and totals by group.
"""

import numpy as np
from numpy.typing import NDArray

from podwire.native.library import address, library_or_none

Longs = NDArray[np.int64]

LONG_MAX, LONG_MIN = 2**63 - 1, -(2**63)


def group(keys: Longs) -> tuple[Longs, Longs]:
    """
    The group of each key, and the position of each group's first key.

    >>> place, first = group(np.array([7, 3, 7]))
    >>> place.tolist(), first.tolist()
    ([0, 1, 0], [0, 1])
    """
    library = library_or_none()
    if library is None:
        return group_by_sorting(keys)
    keys = np.ascontiguousarray(keys, np.int64)
    place, first = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    groups = library.group_keys(address(keys), len(keys), address(place), address(first))
    if groups < 0:
        raise MemoryError
    return place, first[:groups]


def group_by_sorting(keys: Longs) -> tuple[Longs, Longs]:
    """As `group`, where there is no library."""
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[place], first[order]


def add_up(place: Longs, values: Longs, groups: int) -> Longs:
    """
    The sum of the values of each group; it stays where 64 bits end instead of wrapping.

    >>> add_up(np.array([0, 1, 0]), np.array([2**63 - 1, 5, 1]), 2).tolist()
    [9223372036854775807, 5]
    """
    library = library_or_none()
    if library is None:
        return add_up_slowly(place, values, groups)
    place, values = np.ascontiguousarray(place), np.ascontiguousarray(values, np.int64)
    totals = np.zeros(groups, np.int64)
    library.add_longs(address(place), address(values), len(values), address(totals))
    return totals


def add_up_slowly(place: Longs, values: Longs, groups: int) -> Longs:
    """As `add_up`, where there is no library."""
    rough = np.bincount(place, np.abs(values.astype(np.float64)), minlength=groups)
    if rough.max(initial=0.0) < 2.0**62:
        totals = np.zeros(groups, np.int64)
        np.add.at(totals, place, values)
        return totals
    exact = [0] * groups
    for at, value in zip(place.tolist(), values.tolist(), strict=True):
        exact[at] = max(LONG_MIN, min(LONG_MAX, exact[at] + value))
    return np.array(exact, np.int64)
