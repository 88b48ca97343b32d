"""
Label sets become numbers, and what is done to labels becomes columns of numbers.

In: label sets, and pure functions of them.  Out: ids, and functions from id to id that look each
one up once.  An id is the number of a plain set (all labels but `le`) followed by that of the
bucket's bound, because every histogram has dozens of bounds and hardly any function looks at one.
On top stands the number of the collection in its pass: no function looks at it, all keep it, so
that samples of two collections never have equal ids and what groups by id keeps them apart.
Memory is bounded: a table over its limit is emptied before the next batch.
"""

import math
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Labels = tuple[tuple[str, str], ...]
Ids = NDArray[np.int64]
V = TypeVar("V")

FAILED = -1
"""The id of a label set that a function could not make anything of; stays -1 under any bound."""

BOUND = "le"
BOUND_BITS = 24
BOUND_MASK = (1 << BOUND_BITS) - 1
NO_BOUND = 0

PLAIN_BITS = 24
PLAIN_MASK = (1 << PLAIN_BITS) - 1
COLLECTION_SHIFT = BOUND_BITS + PLAIN_BITS
COLLECTIONS_LIMIT = 1 << 63 - COLLECTION_SHIFT
"""So many collections may go through the rules in one pass."""

SHAPES_LIMIT = 64
"""For so many sets of label names at once it is remembered what other sets have in common."""

_BARE_MASK = (1 << COLLECTION_SHIFT) - 1
_BESIDE_PLAIN = ~(PLAIN_MASK << BOUND_BITS)

ROOM = 200_000
"""Label sets that may be forgotten and yet kept: some 16,000 edges of 12 sets and 3 kB each."""

LIMIT = 4_000_000
"""Label sets by default, alive or not; beyond it plans cost more, not memory."""

LIVE_S = 150
"""A reported set is alive for so long."""

_UNKNOWN = -2


K = TypeVar("K", bound=Hashable)


class Memo(dict[K, V], Generic[K, V]):
    """What a pure function says of each key that was asked for."""

    def __init__(self, function: Callable[[K], V]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: K) -> V:
        value = self[key] = self._function(key)
        return value


class Lookup:
    """A pure function from number to number as a column; FAILED where it gives None."""

    def __init__(self, function: Callable[[int], int | None]) -> None:
        self._function = function
        self._known: Ids = np.empty(0, np.int64)

    def __call__(self, numbers: Ids) -> Ids:
        """The function of each number; all of them small and not negative."""
        self._grow(int(numbers.max(initial=-1)) + 1)
        found = self._known[numbers]
        unknown = found == _UNKNOWN
        if unknown.any():
            for number in set(numbers[unknown].tolist()):
                answer = self._function(number)
                self._known[number] = FAILED if answer is None else answer
            found = self._known[numbers]
        return found

    def _grow(self, size: int) -> None:
        used = len(self._known)
        if size > used:
            fresh = np.full(max(size * 2, 1024) - used, _UNKNOWN, np.int64)
            self._known = np.concatenate((self._known, fresh))

    def clear(self) -> None:
        self._known = np.empty(0, np.int64)


def plain_of(ids: Ids) -> Ids:
    """The numbers of the plain sets."""
    return ids >> BOUND_BITS & PLAIN_MASK


def collection_of(ids: Ids) -> Ids:
    """The numbers of the collections in their pass."""
    return ids >> COLLECTION_SHIFT


Relabel = Callable[[Ids], Ids]
"""What a function of label sets does to a column of ids."""


class LabelTable:
    """Every label set in use, numbered, and every function of them that rules ask for."""

    def __init__(self, limit: int = LIMIT, *, room: int = ROOM) -> None:
        self._limit = limit
        self._room = min(limit, room)
        self._touched = np.empty(0, np.int32)
        self._plain: dict[Labels, int] = {}
        self._plains: list[Labels] = []
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._bound: dict[str, int] = {}
        self._bounds: list[str] = []
        self._functions: dict[Hashable, Any] = {}
        self._shape: dict[tuple[str, ...], int] = {}
        self._shapes: list[tuple[str, ...]] = []
        self._shape_of = Lookup(self._shape_number)
        self._restricts: dict[int, Lookup] = {}
        self._values = np.empty(0)
        self.clear()
        self.evicted = 0
        """Label sets forgotten because the table was full."""

    def __len__(self) -> int:
        return len(self._plains) + len(self._bounds)

    def __getitem__(self, identity: int) -> Labels:
        """A label set by its id; the bound, if there is one, comes last."""
        plain = self._plains[identity >> BOUND_BITS & PLAIN_MASK]
        code = identity & BOUND_MASK
        return plain if code == NO_BOUND else (*plain, (BOUND, self._bounds[code]))

    def intern(self, labels: Labels) -> int:
        """
        The id of a label set, the same for equal ones until the table is cleared.

        >>> table = LabelTable()
        >>> table[table.intern((("le", "10"), ("a", "1")))]
        (('a', '1'), ('le', '10'))
        """
        plain = tuple(each for each in labels if each[0] != BOUND)
        number = self._plain.get(plain)
        if number is None:
            number = len(self._plains)
            if number > PLAIN_MASK:
                raise MemoryError("more label sets in one pass than ids can tell apart")
            shared = tuple(self._pairs.setdefault(each, each) for each in plain)
            self._plain[shared] = number
            self._plains.append(shared)
        bound = NO_BOUND if len(plain) == len(labels) else self.bound(dict(labels)[BOUND])
        return number << BOUND_BITS | bound

    def bound(self, text: str) -> int:
        """The number of a bucket's bound."""
        number = self._bound.setdefault(text, len(self._bounds))
        if number == len(self._bounds):
            self._bounds.append(text)
        return number

    def bound_text(self, number: int) -> str:
        """The inverse of `bound`."""
        return self._bounds[number]

    def bound_values(self, numbers: Ids) -> NDArray[np.float64]:
        """Bounds as numbers to sort by; what is none sorts last."""
        if len(self._values) < len(self._bounds):
            self._values = np.array(list(map(_bound_value, self._bounds)))
        return self._values[numbers]

    def shapes(self, ids: Ids) -> Ids:
        """A number for the names of the labels of each plain set, whatever their order."""
        return self._shape_of(plain_of(ids))

    def restricted(self, shape: int, ids: Ids) -> Ids:
        """
        The sets cut down to the names of a shape, in their order; FAILED where one is missing.

        Shapes come with what is reported, so what is known of them goes when the table is cleared.
        """
        numbers = self._restricts.get(shape)
        if numbers is None:
            names = self._shapes[shape]
            if len(self._restricts) == SHAPES_LIMIT:
                self._restricts.clear()
            numbers = self._restricts[shape] = Lookup(
                lambda number: self._interned(restrict(names, self._plains[number]))
            )
        return numbers(plain_of(ids)) | (ids & _BESIDE_PLAIN)

    def _shape_number(self, number: int) -> int:
        names = tuple(sorted(name for name, _ in self._plains[number]))
        known = self._shape.setdefault(names, len(self._shapes))
        if known == len(self._shapes):
            self._shapes.append(names)
        return known

    def _interned(self, labels: Labels | None) -> int | None:
        return None if labels is None else self.intern(labels)

    def relabel(self, key: Hashable, function: Callable[[Labels], Labels | None]) -> Relabel:
        """A function that never looks at the bound; equal keys must mean equal functions."""

        def look_up(number: int) -> int | None:
            return self._interned(function(self._plains[number]))

        numbers = self._function(("plain", key), lambda: Lookup(look_up))
        return lambda ids: numbers(plain_of(ids)) | (ids & _BESIDE_PLAIN)

    def relabel_seeing(self, key: Hashable, function: Callable[[Labels], Labels | None]) -> Relabel:
        """As `relabel`, for a function that may look at the bound: exact, and slower."""

        def rewrite(identity: int) -> int:
            labels = function(self[identity])
            return FAILED if labels is None else self.intern(labels)

        memo = self._function(("seeing", key), lambda: Memo(rewrite))

        def rewrite_all(ids: Ids) -> Ids:
            rewritten = np.array([memo[each] for each in (ids & _BARE_MASK).tolist()], np.int64)
            return rewritten | (ids & ~_BARE_MASK)

        return rewrite_all

    def rebound(self, key: Hashable, function: Callable[[str], str | None]) -> Relabel:
        """A function of the bound alone; sets without one stay as they are."""

        def look_up(number: int) -> int | None:
            if number == NO_BOUND:
                return NO_BOUND
            text = function(self._bounds[number])
            return None if text is None else self.bound(text)

        numbers = self._function(("bound", key), lambda: Lookup(look_up))

        def rebind(ids: Ids) -> Ids:
            bounds = numbers(ids & BOUND_MASK)
            return np.where(bounds == FAILED, FAILED, ids >> BOUND_BITS << BOUND_BITS | bounds)

        return rebind

    def lookup(self, key: Hashable, function: Callable[[Labels], int | None]) -> Lookup:
        """A number for each plain set, by its number; FAILED where the function gives None."""
        found: Lookup = self._function(
            ("lookup", key), lambda: Lookup(lambda number: function(self._plains[number]))
        )
        return found

    def memo(self, key: Hashable, function: Callable[[Labels], V]) -> Memo[int, V]:
        """What a function says of each plain set, by its number."""
        found: Memo[int, V] = self._function(
            ("memo", key), lambda: Memo(lambda number: function(self._plains[number]))
        )
        return found

    def _function(self, key: Hashable, make: Callable[[], Any]) -> Any:
        if key not in self._functions:
            self._functions[key] = make()
        return self._functions[key]

    def touch(self, ids: Ids, now_s: int) -> None:
        """These sets were reported just now."""
        grown = len(self._plains) - len(self._touched)
        if grown > 0:
            fresh = np.zeros(max(grown, len(self._touched)), np.int32)
            self._touched = np.concatenate((self._touched, fresh))
        self._touched[plain_of(ids)] = now_s

    def trim(self, now_s: int, beside: int = 0) -> bool:
        """
        Empty the table if it, with what is kept beside it, is over the limit; whether it was.

        What is alive gets room for twice its size, up to the limit; the rest has to go some time.
        """
        if len(self) + beside <= self._room:
            return False
        reported = int(np.count_nonzero(self._touched))
        alive = int(np.count_nonzero(self._touched >= now_s - LIVE_S)) if reported else 0
        wanted = (len(self) + beside) * 2 * alive // max(reported, 1)
        if min(wanted, self._limit) > self._room:
            self._room = min(wanted, self._limit)
            if len(self) + beside <= self._room:
                return False
        self.evicted += len(self)
        self.clear()
        return True

    def ask_again(self) -> None:
        """Forget what functions said; label sets keep their ids."""
        for function in self._functions.values():
            function.clear()

    def clear(self) -> None:
        """Forget every label set and everything known of them; ids given out before are void."""
        self._plain.clear()
        self._plains.clear()
        self._pairs.clear()
        self._bound.clear()
        self._bounds[:] = [""]
        self._values = np.empty(0)
        self._touched = np.empty(0, np.int32)
        self._shape.clear()
        self._shapes.clear()
        self._shape_of.clear()
        self._restricts.clear()
        self.ask_again()


def _bound_value(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf


def without_bound(ids: Ids) -> Ids:
    """The ids of the plain sets."""
    return ids >> BOUND_BITS << BOUND_BITS


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
