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
        self._before: Array = np.zeros(0, dtype)
        self._still: Array = np.zeros(0, np.int64)

    def take(self, now: Array) -> tuple[Array, Array]:
        """
        Places that changed since the last reading, and their increases.

        A total that has grown while its count has not belongs to something whose counting is
        just underway: it is taken together with its count, the next time.
        """
        self._grow(len(now))
        changed = np.flatnonzero((_bytes(now) != _bytes(self._before)).any(axis=1))
        self._still += 1
        self._still[changed] = 0
        gained = difference(now[changed], self._before[changed])
        reached = now[changed]
        for count, total in PAIRS:
            _hold_back(count, total, gained, reached, self._before[changed])
        self._before[changed] = reached
        return changed, gained

    def _grow(self, size: int) -> None:
        more = size - len(self._before)
        if more > 0:
            self._before = np.concatenate([self._before, np.zeros(more, self._before.dtype)])
            self._still = np.concatenate([self._still, np.zeros(more, np.int64)])

    def still(self, readings: int) -> Array:
        """Places that have not changed for so many readings."""
        return np.flatnonzero(self._still >= readings)

    def forget(self, place: int) -> None:
        """The counters of a place were set to zero."""
        self._before[place : place + 1] = np.zeros(1, self._before.dtype)
        self._still[place] = 0


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
    return array.view(np.uint8).reshape(len(array), -1)


def difference(now: Array, before: Array) -> Array:
    """Field by field, modulo each counter's width: a counter that wrapped still counts right."""
    if now.dtype.names is None:
        return now - before
    result = np.zeros_like(now)
    for name in now.dtype.names:
        result[name] = difference(now[name], before[name])
    return result
