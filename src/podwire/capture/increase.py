"""
What a map of growing counters gained since it was last read.

In: the whole map, each time.  Out: the entries that changed, with their increase.
Nothing is cleared in the kernel, so nothing can be lost between reading and clearing.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Increase:
    """Remembers the last reading of one map."""

    def __init__(self) -> None:
        self._before: dict[bytes, bytes] = {}
        self._unchanged: dict[bytes, int] = {}

    def take(self, keys: Array, values: Array) -> tuple[Array, Array]:
        """Keys and increases of entries that changed since the last call."""
        now = dict(zip(_rows(keys), _rows(values), strict=True))
        changed = [i for i, (k, v) in enumerate(now.items()) if self._before.get(k) != v]
        zero = bytes(values.dtype.itemsize)
        before = b"".join(self._before.get(keys[i].tobytes(), zero) for i in changed)
        self._unchanged = {
            k: self._unchanged.get(k, 0) + 1 for k, v in now.items() if self._before.get(k) == v
        }
        self._before = now
        return keys[changed], difference(values[changed], np.frombuffer(before, values.dtype))

    def idle(self, readings: int) -> list[bytes]:
        """Keys that have not changed for so many readings."""
        return [key for key, count in self._unchanged.items() if count >= readings]

    def forget(self, key: bytes) -> None:
        """The entry was removed from the map."""
        self._before.pop(key, None)
        self._unchanged.pop(key, None)


def _rows(array: Array) -> list[bytes]:
    data, size = array.tobytes(), array.dtype.itemsize
    return [data[at : at + size] for at in range(0, len(data), size)]


def difference(now: Array, before: Array) -> Array:
    """Field by field, modulo each counter's width: a counter that wrapped still counts right."""
    if now.dtype.names is None:
        return now - before
    result = np.zeros_like(now)
    for name in now.dtype.names:
        result[name] = difference(now[name], before[name])
    return result
