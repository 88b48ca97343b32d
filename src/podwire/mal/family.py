"""
Families of samples as columns, and the arithmetic over them (none of it looks into labels).

In: ids of label sets and their values.  Out: new families; None is MAL's EMPTY.
NaN is dropped by every step, because a later first, join or count would see the difference.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podwire.mal.labels import FAILED, Ids
from podwire.native import group

Column = NDArray[np.float64]

LONG_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """Samples in the order they came, at least one, none NaN."""

    ids: Ids
    values: Column
    """With weights: each value times its weight."""

    weights: Column | None = None


def build(ids: Ids, values: Column, weights: Column | None = None) -> Family | None:
    """A family of what is a number; None when nothing is left."""
    return _where(~np.isnan(values), Family(ids, values, weights))


def with_ids(family: Family, ids: Ids) -> Family | None:
    """The same samples with other labels; those that got none are dropped."""
    return _where(ids != FAILED, Family(ids, family.values, family.weights))


def with_values(family: Family, values: Column) -> Family | None:
    """The same samples with other values."""
    return build(family.ids, values, family.weights)


def _where(kept: NDArray[np.bool_], family: Family) -> Family | None:
    if kept.all():
        return family if len(kept) else None
    if not kept.any():
        return None
    weights = None if family.weights is None else family.weights[kept]
    return Family(family.ids[kept], family.values[kept], weights)


def add_up(family: Family, groups: Ids) -> Family | None:
    """One sample per group: the sum of its values, folded from the left; weights add up too."""
    place, first = group(groups)
    if len(first) == len(groups):
        return Family(groups, family.values, family.weights)
    weights = None if family.weights is None else total(place, family.weights)
    return build(groups[first], total(place, family.values), weights)


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
    return build(family.ids, family.values * usable, usable)


def scale(family: Family, factor: float) -> Family | None:
    return build(family.ids, family.values * factor, family.weights)


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
