"""
What growing counters gained since they were last read.

In: the same counters, each time.  Out: those that changed, with their increase.
Nothing is cleared in the kernel, so nothing can be lost between reading and clearing.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

PAIRS = (
    *(((name, "buckets"), (name, total)) for name in ("write", "read", "rtt", "connect", "close")
      for total in ("bytes", "time")),
    (("request_sizes",), ("request_bytes",)),
    (("statuses", "count"), ("response_bytes",)),
    (("durations",), ("duration_ns",)),
)  # fmt: skip
"""Counts, and the totals that belong to them."""


class Increase:
    """Remembers the last reading of counters that are told by their place."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.rows: Array = np.zeros(0, dtype)
        """The last reading, but for totals that wait."""
        self.still: Array = np.zeros(0, np.int64)
        """For how many readings a place has not changed."""

    def take(self, now: Array) -> tuple[Array, Array]:
        """
        Places that changed since the last reading, and their increases.

        A total that has grown while its count has not belongs to something whose counting is just
        underway: it is taken together with its count, the next time.
        """
        self._grow(len(now))
        before = self.rows
        changed = np.flatnonzero((_bytes(now) != _bytes(before)).any(axis=1))
        self.still += 1
        self.still[changed] = 0
        reached, known = now.take(changed), before.take(changed)
        gained = difference(reached, known)
        for count, total in PAIRS:
            _hold_back(count, total, gained, reached, known)
        _bytes(before)[changed] = _bytes(reached)
        return changed, gained

    def _grow(self, size: int) -> None:
        known = len(self.rows)
        if size > known:
            rows, still = np.zeros(size, self.rows.dtype), np.zeros(size, np.int64)
            _bytes(rows)[:known], still[:known] = _bytes(self.rows), self.still
            self.rows, self.still = rows, still

    def forget(self, places: Array) -> None:
        """The counters of these places were set to zero."""
        _bytes(self.rows)[places] = 0
        self.still[places] = 0


def _hold_back(
    count: tuple[str, ...], total: tuple[str, ...], gained: Array, reached: Array, before: Array
) -> None:
    waits = ~_field(gained, count).any(axis=1)
    _field(gained, total)[waits] = 0
    _field(reached, total)[waits] = _field(before, total)[waits]


def _field(array: Array, path: tuple[str, ...]) -> Array:
    for name in path:
        array = array[name]
    return array


def _bytes(array: Array) -> Array:
    """The same memory, a row an element: structures are copied field by field, bytes at once."""
    return array.view(np.uint8).reshape(len(array), array.itemsize)


def difference(now: Array, before: Array) -> Array:
    """Field by field, modulo each counter's width: a counter that wrapped still counts right."""
    result = now.copy()
    _subtract(result, before)
    return result


def _subtract(result: Array, before: Array) -> None:
    """In place: a field of an array is the array's own memory."""
    for name in result.dtype.names or ():
        if result.dtype[name].base.names:
            _subtract(result[name], before[name])
        else:
            result[name] -= before[name]
