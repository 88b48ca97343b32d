"""
The weight of each sample: how many operations its average is of.

In: averages, and the counts meter that a rule names.  Out: for each average the sum of the counts
whose labels hold all of the average's own.  Nothing here depends on one collection: ids keep them
apart.
"""

import numpy as np

from podwire.mal.family import Column, Family, total
from podwire.mal.labels import (
    BOUND_MASK,
    FAILED,
    NO_BOUND,
    Ids,
    LabelTable,
    by_name,
    without_bound,
)
from podwire.native import group

SHAPES_LIMIT = 16
"""So many sets of label names get weights in one pass; an agent has three a side."""


def weights_of(table: LabelTable, averages: Family, counts: Family | None) -> Column:
    """The weight of each average; 0 where there is no count."""
    weights = np.zeros(len(averages.ids))
    if counts is None:
        return weights
    wanted = table.relabel("by_name", by_name)(averages.ids)
    bounded = averages.ids & BOUND_MASK != NO_BOUND
    kinds = table.shapes(averages.ids) * 2 + bounded
    several, sizes = np.unique(kinds, return_counts=True)
    for kind in several[np.argsort(-sizes, kind="stable")][:SHAPES_LIMIT].tolist():
        places = kinds == kind
        parts = table.restricted(kind >> 1, counts.ids)
        if kind & 1:
            parts = np.where(counts.ids & BOUND_MASK == NO_BOUND, FAILED, parts)
        else:
            parts = np.where(parts == FAILED, FAILED, without_bound(parts))
        weights[places] = _totals(wanted[places], parts, counts.values)
    return weights


def _totals(wanted: Ids, keys: Ids, values: Column) -> Column:
    """For each wanted id the sum of the values under it; 0 when there is none."""
    place, first = group(np.concatenate((wanted, keys)))
    sums = np.zeros(len(first))
    found = total(place[len(wanted) :], values)
    sums[: len(found)] = found
    return sums[place[: len(wanted)]]
