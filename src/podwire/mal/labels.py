"""
Label sets become small numbers, and what is done to labels becomes columns of numbers.

In: label sets, and pure functions of them.  Out: ids, and functions from id to id that look each
one up once.  Memory is bounded: a table over its limit is emptied before the next batch.
"""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Labels = tuple[tuple[str, str], ...]
Ids = NDArray[np.int64]
V = TypeVar("V")

FAILED = -1
"""The id of a label set that a function could not make anything of."""

_UNKNOWN = -2


class Memo(dict[int, V], Generic[V]):
    """What a pure function says of each label set that was asked for."""

    def __init__(self, table: "LabelTable", function: Callable[[Labels], V]) -> None:
        super().__init__()
        self._table = table
        self._function = function

    def __missing__(self, identity: int) -> V:
        value = self[identity] = self._function(self._table[identity])
        return value


class Relabel:
    """A pure function from label set to label set, as a column from id to id."""

    def __init__(self, table: "LabelTable", function: Callable[[Labels], Labels | None]) -> None:
        self._table = table
        self._function = function
        self._next: Ids = np.empty(0, np.int64)

    def __call__(self, ids: Ids) -> Ids:
        """The ids after the function; FAILED where it gave nothing."""
        self._grow()
        found = self._next[ids]
        if (found == _UNKNOWN).any():
            for identity in set(ids[found == _UNKNOWN].tolist()):
                labels = self._function(self._table[identity])
                self._next[identity] = FAILED if labels is None else self._table.intern(labels)
            found = self._next[ids]
        return found

    def _grow(self) -> None:
        size, used = len(self._table), len(self._next)
        if size > used:
            fresh = np.full(max(size * 2, 1024) - used, _UNKNOWN, np.int64)
            self._next = np.concatenate((self._next, fresh))

    def clear(self) -> None:
        self._next = np.empty(0, np.int64)


class LabelTable:
    """Every label set in use, numbered, and every function of them that rules ask for."""

    def __init__(self, limit: int = 500_000) -> None:
        self._limit = limit
        self._ids: dict[Labels, int] = {}
        self._labels: list[Labels] = []
        self._functions: dict[Hashable, Memo[Any] | Relabel] = {}
        self.evicted = 0
        """Label sets forgotten because the table was full."""

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, identity: int) -> Labels:
        return self._labels[identity]

    def intern(self, labels: Labels) -> int:
        """
        The number of a label set, the same for equal ones until the table is cleared.

        >>> table = LabelTable()
        >>> table.intern((("a", "1"),)), table.intern(()), table.intern((("a", "1"),))
        (0, 1, 0)
        """
        identity = self._ids.setdefault(labels, len(self._labels))
        if identity == len(self._labels):
            self._labels.append(labels)
        return identity

    def relabel(self, key: Hashable, function: Callable[[Labels], Labels | None]) -> Relabel:
        """The column of a function; equal keys share one, so the function must be the same."""
        found = self._functions.get(key)
        if not isinstance(found, Relabel):
            found = self._functions[key] = Relabel(self, function)
        return found

    def memo(self, key: Hashable, function: Callable[[Labels], V]) -> Memo[V]:
        """As `relabel`, for a function to any value."""
        found = self._functions.get(key)
        if not isinstance(found, Memo):
            found = self._functions[key] = Memo(self, function)
        return found

    def trim(self) -> bool:
        """Empty the table if it is over its limit; whether it was."""
        if len(self._labels) <= self._limit:
            return False
        self.evicted += len(self._labels)
        self.clear()
        return True

    def clear(self) -> None:
        """Forget every label set and everything known of them; ids given out before are void."""
        self._ids.clear()
        self._labels.clear()
        for function in self._functions.values():
            function.clear()


def project(by: tuple[str, ...], labels: Labels) -> Labels:
    """
    Exactly the labels `by`, in that order; a missing one is empty.

    >>> project(("b", "c"), (("a", "1"), ("b", "2")))
    (('b', '2'), ('c', ''))
    """
    values = dict(labels)
    return tuple((key, values.get(key, "")) for key in by)


def restrict(by: tuple[str, ...], labels: Labels) -> Labels | None:
    """
    As `project`, but None when a label is missing.

    >>> restrict(("b", "c"), (("a", "1"), ("b", "2")))
    """
    values = dict(labels)
    return tuple((key, values[key]) for key in by) if values.keys() >= set(by) else None


def by_name(labels: Labels) -> Labels:
    """
    The same set in the order of its names, so that equal sets have one id.

    >>> by_name((("b", "2"), ("a", "1")))
    (('a', '1'), ('b', '2'))
    """
    return tuple(sorted(labels))
