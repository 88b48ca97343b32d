"""
The programs, and copies of them where one that is preempted keeps itself from everybody else.

In: the compiled object.  Out: programs of several lanes over the same maps (bpf/lane.h). A copy
that the kernel refuses is one lane less.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from podwire.capture.hooks import HOOKS, Programs, Refused, Rung, Touch, share_maps
from podwire.capture.layout import FUNC, Layouts
from podwire.capture.library import library, raw_btf
from podwire.capture.size import turn

LANES = 3
"""Two tasks of one CPU may be preempted in the same program, and a third still be told of."""

SIGN = b"trace_call_bpf_faultable"
"""A function of kernels whose programs of system calls are preempted like anything else."""

REPEATABLE = frozenset(hook.program for hook in HOOKS if hook.is_repeatable)
TOLD = frozenset({"enter", "leave"})
"""Programs that tell by themselves, of those who are watched, what no lane saw."""


@cache
def lanes_here() -> int:
    """How many are needed on this kernel."""
    types = library().btf__load_vmlinux_btf()
    if not types:
        return 1
    found = library().btf__find_by_name_kind(types, SIGN, FUNC)
    library().btf__free(types)
    return LANES if found > 0 else 1


class Lanes:
    """Every lane, loaded. Raises `Refused` when the first is."""

    def __init__(
        self,
        rungs: Mapping[str, Rung],
        touch: Touch,
        *,
        path: Path,
        fit: Callable[[Any], None],
        count: int,
    ) -> None:
        self._path, self._fit, self._count = path, fit, count
        self.first = self._open(rungs, touch, 0)
        again = {
            program: rung
            for program, rung in rungs.items()
            if program in REPEATABLE and rung is not Rung.TRACEPOINT
        }
        self.copies: list[Programs] = []
        try:
            for lane in range(1, count):
                self.copies.append(self._open(again, touch, lane))
        except Refused:
            pass

    def _open(self, rungs: Mapping[str, Rung], touch: Touch, lane: int) -> Programs:
        def fit(opened: Any) -> None:
            self._fit(opened)
            layouts = Layouts(raw_btf(opened))
            turn(opened, layouts, "lanes", self._count)
            turn(opened, layouts, "lane", lane)
            if lane:
                share_maps(opened, self.first.find_map)

        return Programs(rungs, touch, path=self._path, fit=fit)

    def attach(self) -> Mapping[str, str]:
        """The first before the others: why of each of its programs that the kernel refused."""
        refused = self.first.attach()
        for each in self.copies:
            each.attach()
        return refused

    def missed(self) -> Mapping[str, int]:
        """By program, what the kernel kept from it in each lane: at most so many are lost."""
        found = dict(self.first.missed())
        for each in self.copies:
            again = each.missed()
            for program in found.keys() & each.hanging:
                found[program] = min(found[program], again.get(program, 0))
        silent = TOLD if self.copies else frozenset()
        return {name: count for name, count in found.items() if count and name not in silent}

    def close(self) -> None:
        """Detach and unload, the last lane first; closing twice is fine."""
        for each in (*reversed(self.copies), self.first):
            each.close()
