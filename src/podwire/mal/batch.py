"""
One collection of meters becomes families of samples, as SkyWalking's receiver does it.

In: `model.Collection`.  Out: a batch: families by metric name, labels numbered.
Every sample carries the reporter's service and instance; a bucket carries its bound as `le`.
"""

import math
from collections.abc import Set
from decimal import Decimal

import numpy as np

from podwire.mal import family
from podwire.mal.family import Family
from podwire.mal.functions import Batch
from podwire.mal.labels import BOUND_BITS, Labels, LabelTable
from podwire.model.meter import Collection, Histogram, Meter


class Reader:
    """Remembers the number of every series and bound it has met."""

    def __init__(self, table: LabelTable, wanted: Set[str]) -> None:
        self._table = table
        self._wanted = wanted
        self._series: dict[tuple[str, str], dict[Labels, int]] = {}
        self._bounds: dict[float, int] = {}
        self._size = 0

    def __len__(self) -> int:
        """Reporters and series remembered."""
        return self._size

    def read(self, collection: Collection) -> Batch:
        """The families that rules ask for."""
        owner = (collection.service, collection.instance)
        known = self._series.get(owner)
        if known is None:
            known = self._series[owner] = {}
            self._size += 1
        columns: dict[str, _Column] = {}
        for meter in collection.meters:
            if meter.name in self._wanted:
                series = known.get(meter.labels)
                if series is None:
                    series = known[meter.labels] = self._intern(collection, meter.labels)
                self._append(columns.setdefault(meter.name, ([], [])), series, meter)
        return {name: built for name, column in columns.items() if (built := _build(*column))}

    def _intern(self, collection: Collection, reported: Labels) -> int:
        """The reporter's own service and instance stand, whatever its labels say."""
        self._size += 1
        labels = dict(reported)
        labels.pop("service", None)
        labels.pop("instance", None)
        labels |= {"service": collection.service, "instance": collection.instance}
        return self._table.intern(tuple(labels.items()))

    def _append(self, column: "_Column", series: int, meter: Meter) -> None:
        ids, values = column
        if isinstance(meter, Histogram):
            plain = series >> BOUND_BITS << BOUND_BITS
            ids += [plain | self._bound(bound) for bound, _ in meter.buckets]
            values += [count for _, count in meter.buckets]
        else:
            ids.append(series)
            values.append(meter.value)

    def _bound(self, bound: float) -> int:
        number = self._bounds.get(bound)
        if number is None:
            number = self._table.bound(bound_text(bound))
            if not math.isnan(bound):
                self._bounds[bound] = number
        return number

    def clear(self) -> None:
        """Forget everything, because the table did."""
        self._series.clear()
        self._bounds.clear()
        self._size = 0


_Column = tuple[list[int], list[float]]


def _build(ids: list[int], values: list[float]) -> Family | None:
    return family.build(np.array(ids, np.int64), np.array(values, np.float64))


def bound_text(bound: float) -> str:
    """
    A bucket's bound as Java writes a double, and minus infinity as SkyWalking writes it.

    >>> [bound_text(bound) for bound in (100.0, 1e7, 0.00025, 123456789.5, -math.inf)]
    ['100.0', '1.0E7', '2.5E-4', '1.234567895E8', '-9223372036854775808']
    """
    if math.isinf(bound):
        return "Infinity" if bound > 0 else "-9223372036854775808"
    if math.isnan(bound):
        return "NaN"
    if bound == 0 or 1e-3 <= abs(bound) < 1e7:
        return repr(bound)
    sign, digits, exponent = Decimal(repr(bound)).normalize().as_tuple()
    fraction = "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{digits[0]}.{fraction}E{int(exponent) + len(digits) - 1}"
