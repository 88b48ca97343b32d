"""
The same load with and without podwire, in turn, again and again.

In: something that is measured, and a switch.  Out: medians, and how sure they are.  Runs alternate
(without, with, with, without, ...), so that what changes slowly on a machine hits both alike; each
pair gives a ratio, and the interval is a bootstrap of the median of the ratios.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Run = Mapping[str, float]
RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure without and with, by pair."""

    without: tuple[float, ...]
    with_: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median of with over without."""
        return float(np.median(self._ratios()))

    @property
    def interval(self) -> tuple[float, float]:
        """Where the median ratio lies, at 95 %."""
        ratios = self._ratios()
        drawn = np.random.default_rng(0).choice(ratios, (RESAMPLES, len(ratios)))
        low, high = np.percentile(np.median(drawn, axis=1), (2.5, 97.5))
        return float(low), float(high)

    def medians(self) -> tuple[float, float]:
        return float(np.median(self.without)), float(np.median(self.with_))

    def _ratios(self) -> list[float]:
        return [on / off for off, on in zip(self.without, self.with_, strict=True)]


def compare(
    measure: Callable[[], Run], switch: Callable[[bool], None], pairs: int
) -> dict[str, Comparison]:
    """So many pairs of runs, after one that warms up; figures by name."""
    measure()
    found: list[dict[bool, Run]] = []
    for turn in range(pairs):
        runs: dict[bool, Run] = {}
        for is_on in (False, True) if turn % 2 == 0 else (True, False):
            switch(is_on)
            runs[is_on] = measure()
        found.append(runs)
    switch(False)  # noqa: FBT003
    return {
        name: Comparison(
            tuple(runs[False][name] for runs in found), tuple(runs[True][name] for runs in found)
        )
        for name in found[0][False]
    }
