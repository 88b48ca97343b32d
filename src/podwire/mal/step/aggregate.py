"""`sum`, `avg`, `min`, `max` and `count`: many samples become one, by the labels that remain."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from podwire.mal import family
from podwire.mal.family import Column, Family
from podwire.mal.labels import (
    BOUND,
    BOUND_MASK,
    COLLECTION_SHIFT,
    FAILED,
    NO_BOUND,
    Ids,
    Labels,
    LabelTable,
    Relabel,
    collection_of,
    project,
    restrict,
    without_bound,
)
from podwire.mal.step.world import Batch, Plan, Step, Transform, World, texts
from podwire.mal.text import syntax
from podwire.native import group


def plan_sum(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """Labels shrink to those named; samples that become equal add up."""
    del steps
    groups = project_to(world.table, texts(call, 0))
    return lambda before, _batch: family.add_up(before, groups(before.ids))


def project_to(table: LabelTable, by: tuple[str, ...]) -> Relabel:
    """The column form of `labels.project`."""
    plain = tuple(label for label in by if label != BOUND)
    shrink = table.relabel(("by", plain), partial(project, plain))
    if BOUND not in by:
        return lambda ids: shrink(without_bound(ids))

    def shrink_buckets(ids: Ids) -> Ids:
        shrunk = shrink(ids)
        return np.where(ids & BOUND_MASK == NO_BOUND, shrunk | table.bound(""), shrunk)

    return shrink_buckets


Reduce = np.ufunc

EXTREMES: Mapping[str, Reduce] = {"max": np.maximum, "min": np.minimum}


def plan_extreme(name: str) -> Plan:
    """As `sum`, of the greatest or the least value."""
    reduce = EXTREMES[name]

    def plan(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
        del steps
        groups = project_to(world.table, texts(call, 0))

        def transform(before: Family, _batch: Batch) -> Family | None:
            ids = groups(before.ids)
            place, first = group(ids)
            values = before.values[first]
            reduce.at(values, place, before.values)
            return family.build(ids[first], values, about=before.about)

        return transform

    return plan


def plan_avg(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """As `sum`, of the arithmetic mean, added up with more digits than it has in the end."""
    del steps
    groups = project_to(world.table, texts(call, 0))

    def transform(before: Family, _batch: Batch) -> Family | None:
        ids = groups(before.ids)
        place, first = group(ids)
        return family.build(ids[first], mean(place, before.values), about=before.about)

    return transform


def mean(place: Ids, values: Column) -> Column:
    """
    The mean of the values at each place.

    >>> mean(np.array([0, 0, 0, 1]), np.array([1e16, 1.0, 1.0, 7.0])).tolist()
    [3333333333333334.0, 7.0]
    """
    totals = np.zeros(int(place.max(initial=-1)) + 1, np.longdouble)
    np.add.at(totals, place, values.astype(np.longdouble))
    return totals.astype(np.float64) / np.bincount(place)


def plan_count(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """How many values the last of the labels has, by the others."""
    del steps
    by = texts(call, 0)
    return _count_one(by[0], world) if len(by) == 1 else _count_last(by, call, world)


def _count_one(label: str, world: World) -> Transform:
    """One label: its values that are not blank; one sample without any labels."""
    table = world.table
    column = table.relabel_seeing if label == BOUND else table.relabel

    def value(labels: Labels) -> Labels | None:
        found = dict(labels).get(label, "")
        return ((label, found),) if found.strip() else None

    values = column(("value", label), value)

    def transform(before: Family, _batch: Batch) -> Family | None:
        found = values(before.ids)
        number = len(np.unique(_of_set(found[found != FAILED], label)))
        ids = collection_of(before.ids[:1]) << COLLECTION_SHIFT | table.intern(())
        return family.build(ids, np.array([float(number)]), about=before.about)

    return transform


def _of_set(ids: Ids, label: str) -> Ids:
    return ids if label == BOUND else without_bound(ids)


def _count_last(by: tuple[str, ...], call: syntax.Call, world: World) -> Transform:
    """Several labels: of the samples that have all of them, the sets of the last."""
    sets = world.table.relabel_seeing(("all", by), partial(restrict, by))
    groups = project_to(world.table, by[:-1])

    def transform(before: Family, _batch: Batch) -> Family | None:
        found = sets(before.ids)
        found = found[found != FAILED]
        found = found[group(found)[1]]
        if not len(found):
            world.give_up(f"no sample has all of {', '.join(by)}", call.span)
            return None
        ids = groups(found)
        place, first = group(ids)
        numbers = np.bincount(place).astype(np.float64)
        return family.build(ids[first], numbers, about=before.about)

    return transform
