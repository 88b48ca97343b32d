"""
The flows of the kernel, by their slots.

In: the array of flows, read up to the last slot in use.  Out: those that changed, by increase.
A slot that nobody holds and nothing changes is taken from its key first, and given to others a
while later, when no program can be counting in it any more.
"""

import time
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
        self._flows = Table(fds("flows"), np.dtype("<u4"), flow)
        self._increase = Increase(flow)
        self._leaving: dict[int, float] = {}
        self._read_s = 0.0

    @property
    def rows(self) -> Array:
        """The last reading, by slot."""
        return self._increase.rows

    def take(self, used: int) -> Iterator[tuple[Array, Array]]:
        """Slots that changed since the last time, and what they gained; nobody's is none."""
        self._read_s = time.monotonic()
        for first in range(1, used + 1, ROWS_AT_ONCE):
            count = min(ROWS_AT_ONCE, used + 1 - first)
            rows = read_part(self._fds("flows"), first, count, self._flow)
            yield self._increase.take(rows, first)

    def give_back(self, living: Collection[int]) -> list[int]:
        """
        Slots that are free for others from now on; `living` are the processes that are watched.

        Nobody comes back to the flow of a process that has ended, at either end of it: it leaves
        at once, others when they have been still for a while.
        """
        idle, leaves = self._rest(living)
        self._leaving = {slot: since_s for slot, since_s in self._leaving.items() if idle[slot]}
        leaving = [
            slot
            for slot in np.flatnonzero(leaves).tolist()
            if slot not in self._leaving or self._increase.still[slot] == 0
        ]
        self._take_keys(leaving)
        self._leaving |= dict.fromkeys(leaving, time.monotonic())
        freed = [s for s, since_s in self._leaving.items() if self._read_s - since_s > GRACE_S]
        if freed:
            self._free(np.array(freed, np.uint32))
            self._correct_shares(living)
        return freed

    def _rest(self, living: Collection[int]) -> tuple[Array, Array]:
        """By slot: whether no connection holds it; whether, beyond that, nobody will."""
        keys, pids = self.rows["key"], np.fromiter(living, np.uint32)
        idle = (keys["pid"] != 0) & (self.rows["holders"] == 0)
        ended = ~np.isin(keys["pid"], pids)
        ended |= (keys["peer_pid"] != 0) & ~np.isin(keys["peer_pid"], pids)
        return idle, idle & (ended | (self._increase.still >= STILL_READINGS))

    def _take_keys(self, slots: list[int]) -> None:
        """From now on nobody finds these; a slot has one key, unless it lost it before."""
        if slots:
            keys, held = self._keys.read()
            self._keys.remove_all(keys[np.isin(held, slots)])

    def _free(self, slots: Array) -> None:
        for first in range(0, len(slots), ROWS_AT_ONCE):
            part = slots[first : first + ROWS_AT_ONCE]
            self._flows.put_all(part, np.zeros(len(part), self._flow))
        self._increase.forget(slots)
        append(self._fds("vacant"), slots)
        for slot in slots.tolist():
            del self._leaving[slot]

    def _correct_shares(self, living: Collection[int]) -> None:
        """What a process holds; its last connections may end after it, and leave a share behind."""
        pids, counts = np.unique(self.rows["key"]["pid"], return_counts=True)
        holding = dict(zip(pids.tolist(), counts.tolist(), strict=True))
        known = self._shares.read()[0]
        shares = np.array([holding.get(pid, 0) for pid in known.tolist()], np.uint64)
        stays = (shares > 0) | np.isin(known, np.fromiter(living, np.uint32))
        self._shares.put_all(known[stays], shares[stays])
        self._shares.remove_all(known[~stays])
