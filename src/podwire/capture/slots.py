"""
The flows of the kernel, by their slots.

In: the array of flows, read up to the last slot in use.  Out: those that changed, by increase.
A slot that nobody holds and nothing changes is taken from its key first, and given to others a
while later, when no program can be counting in it any more.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np

from podwire.capture.increase import Increase
from podwire.capture.table import Array, Table, append, read_part

STILL_READINGS = 2
"""Drains without a change after which a flow without connections gives its room back."""

GRACE_S = 1.0
"""No program runs that long: what looked a slot up before its key was taken is done."""

ROWS_AT_ONCE = 256
"""So that a reading takes no more memory than this many flows, however many there are."""


class Slots:
    """Where flows are counted, and who may count there next."""

    def __init__(self, fds: Callable[[str], int], flow: np.dtype[Any], key: np.dtype[Any]) -> None:
        self._fds = fds
        self._flow = flow
        self._keys = Table(fds("slots"), key, np.dtype("<u4"))
        self._shares = Table(fds("shares"), np.dtype("<u4"), np.dtype("<u8"))
        self._increase = Increase(flow)
        self._leaving: dict[int, float] = {}
        self._read_s = 0.0

    @property
    def rows(self) -> Array:
        """The last reading, by slot."""
        return self._increase.rows

    def take(self, used: int) -> Iterator[tuple[int, Any]]:
        """Slots that changed since the last time, and what they gained."""
        self._read_s = time.monotonic()
        for first in range(0, used + 1, ROWS_AT_ONCE):
            count = min(ROWS_AT_ONCE, used + 1 - first)
            rows = read_part(self._fds("flows"), first, count, self._flow)
            changed, gained = self._increase.take(rows, first)
            yield from zip(changed.tolist(), gained, strict=True)

    def give_back(self, living: Collection[int]) -> list[int]:
        """
        Slots that are free for others from now on; `living` are the processes that are watched.

        Nobody comes back to the flow of a process that has ended, at either end of it: it leaves
        at once, others when they have been still for a while.
        """
        idle, leaves = self._rest(living)
        self._leaving = {slot: since_s for slot, since_s in self._leaving.items() if idle[slot]}
        for slot in np.flatnonzero(leaves).tolist():
            if slot not in self._leaving or self._increase.still[slot] == 0:
                self._take_key(slot)
                self._leaving[slot] = time.monotonic()
        freed = [s for s, since_s in self._leaving.items() if self._read_s - since_s > GRACE_S]
        for slot in freed:
            self._free(slot)
        if freed:
            self._correct_shares(living)
        return freed

    def _rest(self, living: Collection[int]) -> tuple[Array, Array]:
        """By slot: whether no connection holds it; whether, beyond that, nobody will."""
        keys, pids = self.rows["key"], np.fromiter(living, np.uint32)
        idle = (keys["pid"] != 0) & (self.rows["holders"] == 0)
        ended = ~np.isin(keys["pid"], pids)
        ended |= (keys["peer_pid"] != 0) & ~np.isin(keys["peer_pid"], pids)
        return idle, idle & (ended | (self._increase.still >= STILL_READINGS))

    def _take_key(self, slot: int) -> None:
        key = self.rows[slot : slot + 1]["key"].copy()
        if self._keys.get(key) == slot:
            self._keys.remove(key)

    def _free(self, slot: int) -> None:
        del self._leaving[slot]
        places = np.array([slot], np.uint32)
        flows = Table(self._fds("flows"), np.dtype("<u4"), self._flow)
        flows.put(places, np.zeros(1, self._flow))
        self._increase.forget(slot)
        append(self._fds("vacant"), places)

    def _correct_shares(self, living: Collection[int]) -> None:
        """What a process holds; its last connections may end after it, and leave a share behind."""
        pids = Counter(self.rows["key"]["pid"].tolist())
        for pid in self._shares.read()[0]:
            if pids[int(pid)] or int(pid) in living:
                self._shares.put(pid.reshape(1), np.array([pids[int(pid)]], np.uint64))
            else:
                self._shares.remove(pid.reshape(1))
