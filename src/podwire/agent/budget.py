"""
The agent's own memory, kept under a limit.

In: how much it takes, after each delivery.  Out: what to give up.  First what waits for a backend,
samples before collections and the older half of them; when nothing waits, sampling pauses.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

RESUME_SHARE = 0.9
"""Sampling goes on below this much of the limit, so that it does not flicker."""


class Waiting(Protocol):
    """What can be given up in part; `Outbox` is one."""

    def shed(self) -> int:
        """Give up the older half; how many that were."""


class Budget:
    """Counts what it gives up in `shed` and `pauses`."""

    def __init__(self, limit_mb: int, memory_mb: Callable[[], float]) -> None:
        self._limit_mb = limit_mb
        self._memory_mb = memory_mb
        self.is_paused = False
        self.shed = 0
        self.pauses = 0

    def keep(self, waiting: Sequence[Waiting]) -> None:
        """Look at what is taken, and give something up when it is too much."""
        taken_mb = self._memory_mb()
        if taken_mb <= self._limit_mb:
            self.is_paused &= taken_mb > self._limit_mb * RESUME_SHARE
            return
        given_up = next((count for each in waiting if (count := each.shed())), 0)
        self.shed += given_up
        if not given_up and not self.is_paused:
            self.is_paused = True
            self.pauses += 1
