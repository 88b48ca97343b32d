"""
The objects of one resource, each in its newest state.

In: lists and events, which may repeat and come in any order.  Out: what changed, once each.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

from podwire.model.cluster import Thing

Kind = TypeVar("Kind", bound=Thing)
TOMBSTONES = 4096
"""Deleted objects whose late events are still known to be late."""


class Table(Generic[Kind]):
    """Objects by uid; `changed(old, new)` hears of every difference."""

    def __init__(self, changed: Callable[[Kind | None, Kind | None], None]) -> None:
        self._changed = changed
        self._objects: dict[str, Kind] = {}
        self._deleted: OrderedDict[str, int] = OrderedDict()
        self.stale = 0
        """Events that told of a state older than the one known."""

    def __len__(self) -> int:
        return len(self._objects)

    def values(self) -> Collection[Kind]:
        return self._objects.values()

    def list(self, found: Iterable[Kind]) -> None:
        """Take over objects of a list: what it says is so, even where an event said otherwise."""
        for each in found:
            self._deleted.pop(each.uid, None)
            known = self._objects.get(each.uid)
            if known is None or known.version != each.version:
                self._put(known, each)

    def keep_only(self, uids: Collection[str]) -> None:
        """A list has ended: what it did not name is gone."""
        for uid in self._objects.keys() - set(uids):
            self._remove(uid, self._objects[uid].version)

    def put(self, fresh: Kind) -> None:
        """An object was added or modified."""
        known = self._objects.get(fresh.uid)
        newest = known.version if known else self._deleted.get(fresh.uid, -1)
        if 0 < fresh.version <= newest:
            self.stale += fresh.version < newest or known is None
            return
        self._put(known, fresh)

    def remove(self, last: Kind) -> None:
        """An object was deleted; `last` is its final state."""
        known = self._objects.get(last.uid)
        if known and 0 < last.version < known.version:
            self.stale += 1
            return
        self._remove(last.uid, last.version)

    def _put(self, known: Kind | None, fresh: Kind) -> None:
        self._objects[fresh.uid] = fresh
        self._changed(known, fresh)

    def _remove(self, uid: str, version: int) -> None:
        self._deleted[uid] = version
        if len(self._deleted) > TOMBSTONES:
            self._deleted.popitem(last=False)
        known = self._objects.pop(uid, None)
        if known is not None:
            self._changed(known, None)
