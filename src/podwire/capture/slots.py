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

NOBODY: Array = np.zeros(0, np.uint32)

ROWS_AT_ONCE = 256
"""So that a reading takes no more memory than this many flows, however many there are."""


def _first_of(slot: Any) -> Any:
    """The first of the slots that are read together with this one, or with each of these."""
    return slot - (slot - 1) % ROWS_AT_ONCE


class Slots:
    """Where flows are counted, and who may count there next."""

    def __init__(self, fds: Callable[[str], int], flow: np.dtype[Any], key: np.dtype[Any]) -> None:
        self._fds = fds
        self._flow = flow
        self._keys = Table(fds("slots"), key, np.dtype("<u4"))
        self._shares = Table(fds("shares"), np.dtype("<u4"), np.dtype("<u8"))
        self._flows = Table(fds("flows"), np.dtype("<u4"), flow)
        self._parts: dict[int, Increase] = {}
        self._leaving: dict[int, float] = {}
        self._read_s = 0.0

    def take(self, used: int) -> Iterator[tuple[Array, Array, Array]]:
        """Slots that changed since the last time, their reading, and what they gained."""
        self._read_s = time.monotonic()
        for first in range(1, used + 1, ROWS_AT_ONCE):
            count = min(ROWS_AT_ONCE, used + 1 - first)
            rows = read_part(self._fds("flows"), first, count, self._flow)
            if first in self._parts or rows.view(np.uint8).any():
                part = self._parts.setdefault(first, Increase(self._flow))
                changed, gained = part.take(rows)
                yield changed + first, part.rows.take(changed), gained

    def rows_of(self, slots: Array) -> Array:
        """The last reading of these."""
        found = np.zeros(len(slots), self._flow)
        for at, slot in enumerate(slots.tolist()):
            first = _first_of(slot)
            if first in self._parts:
                found[at : at + 1] = self._parts[first].rows[slot - first : slot - first + 1]
        return found

    def give_back(self, living: Collection[int]) -> list[int]:
        """
        Slots that are free for others from now on; `living` are the processes that are watched.

        Nobody comes back to the flow of a process that has ended, at either end of it: it leaves
        at once, others when they have been still for a while.
        """
        idle, leaves = self._rest(np.fromiter(living, np.uint32))
        self._leaving = {slot: since_s for slot, since_s in self._leaving.items() if slot in idle}
        leaving = [
            slot for slot, is_still in leaves.items() if slot not in self._leaving or not is_still
        ]
        self._take_keys(leaving)
        self._leaving |= dict.fromkeys(leaving, time.monotonic())
        freed = [s for s, since_s in self._leaving.items() if self._read_s - since_s > GRACE_S]
        if freed:
            self._free(np.array(freed, np.uint32))
            self._correct_shares(living)
        return freed

    def _rest(self, living: Array) -> tuple[set[int], dict[int, bool]]:
        """
        Slots that no connection holds, and of them those that nobody will hold again.

        The latter with whether they did not change at the last reading.
        """
        idle: set[int] = set()
        leaves: dict[int, bool] = {}
        for first, part in self._parts.items():
            keys = part.rows["key"]
            rests = (keys["pid"] != 0) & (part.rows["holders"] == 0)
            ended = ~np.isin(keys["pid"], living)
            ended |= (keys["peer_pid"] != 0) & ~np.isin(keys["peer_pid"], living)
            goes = np.flatnonzero(rests & (ended | (part.still >= STILL_READINGS)))
            idle.update((np.flatnonzero(rests) + first).tolist())
            is_still = (part.still[goes] > 0).tolist()
            leaves.update(zip((goes + first).tolist(), is_still, strict=True))
        return idle, leaves

    def _take_keys(self, slots: list[int]) -> None:
        """From now on nobody finds these; a slot has one key, unless it lost it before."""
        if slots:
            keys, held = self._keys.read()
            self._keys.remove_all(keys[np.isin(held, slots)])

    def _free(self, slots: Array) -> None:
        for first in range(0, len(slots), ROWS_AT_ONCE):
            part = slots[first : first + ROWS_AT_ONCE]
            self._flows.put_all(part, np.zeros(len(part), self._flow))
        append(self._fds("vacant"), slots)
        for slot in slots.tolist():
            del self._leaving[slot]
        self._forget(slots.astype(np.int64))

    def _forget(self, slots: Array) -> None:
        """A part that holds nothing any more gives its memory back: a burst may have been long."""
        firsts = _first_of(slots)
        for first in np.unique(firsts).tolist():
            part = self._parts[first]
            part.forget(slots[firsts == first] - first)
            if not part.rows.view(np.uint8).any():
                del self._parts[first]

    def _correct_shares(self, living: Collection[int]) -> None:
        """What a process holds; its last connections may end after it, and leave a share behind."""
        held = [part.rows["key"]["pid"] for part in self._parts.values()]
        pids, counts = np.unique(np.concatenate([NOBODY, *held]), return_counts=True)
        holding = dict(zip(pids.tolist(), counts.tolist(), strict=True))
        known = self._shares.read()[0]
        shares = np.array([holding.get(pid, 0) for pid in known.tolist()], np.uint64)
        stays = (shares > 0) | np.isin(known, np.fromiter(living, np.uint32))
        self._shares.put_all(known[stays], shares[stays])
        self._shares.remove_all(known[~stays])
