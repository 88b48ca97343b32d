"""`increase`, `rate` and `irate`: what counters grew by."""

from collections.abc import Callable

import numpy as np

from podwire.mal import family
from podwire.mal.family import Column, Family
from podwire.mal.labels import by_name
from podwire.mal.step.window import Moment, Series, duration_ms
from podwire.mal.step.world import Batch, Step, Transform, World, text
from podwire.mal.text import syntax
from podwire.mal.text.printer import show

Before = Callable[[Series, Moment], Moment]


def plan_increase(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """What each counter grew by since so long ago; a reset shows as a negative number."""
    del steps
    before = _before(call, world)
    return lambda given, batch: family.with_values(
        given, given.values - _earlier(given, batch, world, before)[:, 1]
    )


def plan_rate(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """The same a second, by whole seconds."""
    del steps
    return _rate(_before(call, world), world)


def plan_irate(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """The same since the sample before."""
    del steps
    return _rate(world.windows.claim((world.rule, show(call)), world.losses).previous, world)


def _before(call: syntax.Call, world: World) -> Before:
    memory = world.windows.claim((world.rule, show(call)), world.losses)
    range_ms = duration_ms(text(call, 0))
    return lambda series, now: memory.before(series, now, range_ms)


def _rate(before: Before, world: World) -> Transform:
    def rate(given: Family, batch: Batch) -> Family | None:
        earlier = _earlier(given, batch, world, before)
        seconds = np.trunc((batch.timestamp_ms - earlier[:, 0]) / 1000)
        grown = (given.values - earlier[:, 1]) / np.maximum(seconds, 1.0)
        return family.with_values(given, np.where(seconds < 1, 0.0, grown))

    return rate


def _earlier(given: Family, batch: Batch, world: World, before: Before) -> Column:
    """A row with time and value for each sample; they enter memory one after another."""
    canonical = world.table.relabel("by_name", by_name)(given.ids).tolist()
    name, now_ms, table = given.about.name, batch.timestamp_ms, world.table
    rows = [
        before((name, tuple(sorted(table[identity]))), (now_ms, value))
        for identity, value in zip(canonical, given.values.tolist(), strict=True)
    ]
    return np.array(rows, np.float64)
