"""
Families of samples as columns, and the arithmetic over them (none of it looks into labels).

In: ids of label sets and their values.  Out: new families; None is MAL's EMPTY.
NaN is dropped by every step, because a later first, join or count would see the difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podwire.mal.labels import FAILED, Ids
from podwire.native import group

Column = NDArray[np.float64]

LONG_MAX = 2**63 - 1
SECOND_MS, MILLISECOND_MS = 1000.0, 1.0


@dataclass(frozen=True, slots=True)
class About:
    """What a family carries beside its samples, from the batch to the end."""

    name: str = ""
    """The metric its samples came under; tells counters apart."""

    unit_ms: float = MILLISECOND_MS
    """So many milliseconds is one of a bucket's bound, unless `histogram()` says otherwise."""

    scoped: Any = None
    """What the last scope call made of it (`step.scope.Scoped`), None before one."""


NOTHING = About()


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """Samples in the order they came, at least one, none NaN."""

    ids: Ids
    values: Column
    """With weights: each value times its weight."""

    weights: Column | None = None
    about: About = NOTHING


def build(
    ids: Ids, values: Column, weights: Column | None = None, about: About = NOTHING
) -> Family | None:
    """A family of what is a number; None when nothing is left."""
    return select(Family(ids, values, weights, about), ~np.isnan(values))


def with_ids(family: Family, ids: Ids) -> Family | None:
    """The same samples with other labels; those that got none are dropped."""
    return select(replace(family, ids=ids), ids != FAILED)


def with_values(family: Family, values: Column) -> Family | None:
    """The same samples with other values."""
    return build(family.ids, values, family.weights, family.about)


def select(family: Family, kept: NDArray[np.bool_]) -> Family | None:
    """The samples that are kept, in their order."""
    if kept.all():
        return family if len(kept) else None
    if not kept.any():
        return None
    return take(family, np.flatnonzero(kept))


def take(family: Family, places: NDArray[np.generic]) -> Family:
    """The samples at these places, in this order; or those that a mask keeps."""
    weights = None if family.weights is None else family.weights[places]
    return Family(family.ids[places], family.values[places], weights, family.about)


Families = Mapping[str, Family]
"""By metric name; one that is not there is EMPTY."""


def add_up(family: Family, groups: Ids) -> Family | None:
    """One sample per group: the sum of its values, folded from the left; weights add up too."""
    place, first = group(groups)
    if len(first) == len(groups):
        return replace(family, ids=groups)
    weights = None if family.weights is None else total(place, family.weights)
    return build(groups[first], total(place, family.values), weights, family.about)


def total(place: Ids, values: Column) -> Column:
    """The sum of the values at each place, folded from the left."""
    return np.bincount(place, values).astype(np.float64, copy=False)


def first_of(keys: Ids, wanted: Ids) -> tuple[Ids, NDArray[np.bool_]]:
    """For each wanted key the position of its first equal in `keys`, and whether there is one."""
    place, first = group(np.concatenate((keys, wanted)))
    at = first[place[len(keys) :]]
    matched = at < len(keys)
    return np.where(matched, at, 0), matched


def weigh(family: Family, weights: Column) -> Family | None:
    """Values times weights, and the weights; what has no usable weight weighs 1."""
    usable = np.where(np.isfinite(weights) & (weights > 0), weights, 1.0)
    return build(family.ids, family.values * usable, usable, family.about)


def scale(family: Family, factor: float) -> Family | None:
    """Every value times a number."""
    return with_values(family, family.values * factor)


def rank(values: Column | float) -> NDArray[np.int64]:
    """
    Whole numbers in the order of Java's Double.compare: minus zero is below zero.

    >>> np.argsort(rank(np.array([1.0, 0.0, -0.0, -1.0]))).tolist()
    [3, 2, 1, 0]
    """
    bits = np.asarray(values, np.float64).view(np.int64)
    ranks: NDArray[np.int64] = np.where(bits < 0, bits ^ LONG_MAX, bits)
    return ranks


def to_long(values: Column) -> NDArray[np.int64]:
    """
    Whole numbers as storage takes them: no negative, nothing between 0 and 1, halves up.

    >>> to_long(np.array([-3.0, 0.0, 0.2, 1.5, 2.4, 4503599627370497.0, np.inf])).tolist()
    [0, 0, 1, 2, 2, 4503599627370497, 9223372036854775807]
    """
    capped = np.minimum(values, 2.0**63)
    whole = np.floor(capped)
    rounded = np.where(capped - whole >= 0.5, whole + 1.0, whole)
    fits = rounded < 2.0**63
    longs = np.where(fits, rounded, 0.0).clip(min=0.0).astype(np.int64)
    longs[~fits] = LONG_MAX
    longs[(values > 0) & (values < 1)] = 1
    return longs
