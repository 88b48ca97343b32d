"""
The same load with and without podwire, in turn, again and again.

In: something that is measured, and a switch.  Out: medians, and how sure they are.  Runs alternate
(without, with, with, without, ...), so that what changes slowly on a machine hits both alike; each
pair gives a ratio, and the interval is a bootstrap of the median of the ratios.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

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
    """So many pairs of runs, without and with; figures by name."""
    found = alternate(measure, (partial(switch, False), partial(switch, True)), pairs)  # noqa: FBT003
    return {name: Comparison(without, with_) for name, (without, with_) in found.items()}


def alternate(
    measure: Callable[[], Run], modes: Sequence[Callable[[], None]], turns: int
) -> dict[str, list[tuple[float, ...]]]:
    """
    So many turns of a run in each mode, there and back, after one that warms up.

    For each figure, what it was in each mode, turn by turn. The first mode is left behind.
    """
    measure()
    found: list[list[Run]] = [[] for _ in modes]
    for turn in range(turns):
        order = range(len(modes)) if turn % 2 == 0 else reversed(range(len(modes)))
        for place in order:
            modes[place]()
            found[place].append(measure())
    modes[0]()
    return {name: [tuple(run[name] for run in runs) for runs in found] for name in found[0][0]}
