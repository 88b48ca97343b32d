"""
The flows of the kernel, by their slots.

In: the array of flows, read up to the last slot in use.  Out: those that changed, by increase.
A slot that nobody holds and nothing changes is taken from its key first, and given to others a
while later, when no program can be counting in it any more.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from podwire.capture.increase import Increase
from podwire.capture.table import Array, Table, append, read_first

STILL_READINGS = 15
"""Drains without a change after which a flow without connections gives its room back."""

GRACE_S = 1.0
"""No program runs that long: what looked a slot up before its key was taken is done."""


class Slots:
    """Where flows are counted, and who may count there next."""

    def __init__(self, fds: Callable[[str], int], flow: np.dtype[Any], key: np.dtype[Any]) -> None:
        self._fds = fds
        self._flow = flow
        self._keys = Table(fds("slots"), key, np.dtype("<u4"))
        self._shares = Table(fds("shares"), np.dtype("<u4"), np.dtype("<u8"))
        self._increase = Increase(flow)
        self._leaving: dict[int, float] = {}
        self.rows: Array = np.zeros(0, flow)
        """The last reading, by slot."""

    def take(self, used: int) -> Iterator[tuple[int, Any]]:
        """Slots that changed since the last time, and what they gained."""
        self.rows = read_first(self._fds("flows"), used + 1, self._flow)
        changed, gained = self._increase.take(self.rows)
        return zip(changed.tolist(), gained, strict=True)

    def give_back(self) -> list[int]:
        """Slots that are free for others from now on."""
        still = set(self._increase.still(STILL_READINGS).tolist())
        idle = {slot for slot in still if self._is_idle(slot)}
        now_s = time.monotonic()
        for slot in idle - self._leaving.keys():
            self._take_key(slot)
            self._leaving[slot] = now_s
        freed = [
            slot
            for slot, since_s in self._leaving.items()
            if slot in idle and now_s - since_s > GRACE_S
        ]
        for slot in freed:
            self._free(slot)
        if freed:
            self._correct_shares()
        return freed

    def _is_idle(self, slot: int) -> bool:
        row = self.rows[slot]
        return bool(row["key"]["pid"] and not row["holders"])

    def _take_key(self, slot: int) -> None:
        key = self.rows[slot : slot + 1]["key"].copy()
        if self._keys.get(key) == slot:
            self._keys.remove(key)

    def _free(self, slot: int) -> None:
        del self._leaving[slot]
        places = np.array([slot], np.uint32)
        flows = Table(self._fds("flows"), np.dtype("<u4"), self._flow)
        flows.put(places, np.zeros(1, self._flow))
        self.rows[slot] = np.zeros(1, self._flow)[0]
        self._increase.forget(slot)
        append(self._fds("vacant"), places)

    def _correct_shares(self) -> None:
        pids = Counter(self.rows["key"]["pid"].tolist())
        for pid in self._shares.read()[0]:
            self._shares.put(pid.reshape(1), np.array([pids[int(pid)]], np.uint64))
