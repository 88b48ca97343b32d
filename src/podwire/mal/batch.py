"""
Collections of meters become families of samples, as SkyWalking's receiver does it, many at once.

In: serialized collections, or one `model.Collection`.  Out: a `Reading`: families by metric name,
labels numbered, each sample with the number of its collection.
Every sample carries the reporter's service and instance; a bucket carries its bound as `le`.
What the compiled scanner calls odd, and everything where there is none, goes through protobuf.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from podwire.mal import family
from podwire.mal.family import About, Families, Family
from podwire.mal.labels import (
    BOUND_BITS,
    COLLECTION_SHIFT,
    COLLECTIONS_LIMIT,
    Ids,
    Labels,
    LabelTable,
)
from podwire.model.meter import Collection, Histogram, Meter
from podwire.native.library import library_or_none
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import meter_pb2 as pb
from podwire.wire.meter import collection_of, meter_of
from podwire.wire.scan import BUCKETS_LIMIT, HEADLESS, ODD, REASONS, UNWANTED, Scanner

LABELS_LIMIT = 64
"""A meter with more labels is refused."""

LABEL_BYTES_LIMIT = 4096
"""A meter with a longer label, name and value together, is refused."""

NAMES_LIMIT = 100_000
"""So many names of meters are remembered before all are learnt anew."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which timestamps are taken in."""

    since_ms: int
    until_ms: int


ALWAYS = Window(-(2**63), 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pass over the rules starts from."""

    batch: Families
    times_ms: Ids
    """The timestamp of each collection, by its number."""

    tally: Counter[str]
    """Meters taken in and refused, values dropped and clamped, by name of the count."""

    unreadable: tuple[int, ...] = ()
    """Collections whose bytes are no message."""


class Reader:
    """Remembers the number of every series and bound it has met."""

    def __init__(self, table: LabelTable, wanted: Set[str], *, is_compiled: bool = True) -> None:
        self._table = table
        self._names = {name: code for code, name in enumerate(sorted(wanted))}
        self._scanner = Scanner() if is_compiled and library_or_none() else None
        self._bounds = np.empty(0, np.int64)

    def __len__(self) -> int:
        """Names, series and bounds remembered."""
        return len(self._scanner) if self._scanner else 0

    def clear(self) -> None:
        """Forget everything, because the table did."""
        self._bounds = np.empty(0, np.int64)
        if self._scanner:
            self._scanner.forget()

    def read(self, collection: Collection) -> Families:
        """The families of one collection that rules ask for."""
        return self.take(collection).batch

    def take(self, collection: Collection) -> Reading:
        """As `read`, with its time and what was refused."""
        pages = _Pages(self._table, self._names)
        pages.write(0, collection)
        times_ms = np.array([collection.timestamp_ms], np.int64)
        return pages.reading([pages.columns()], times_ms)

    def scan(self, messages: Sequence[bytes], window: Window = ALWAYS) -> Reading:
        """The families of serialized collections, each refused or taken in as a whole."""
        assert len(messages) <= COLLECTIONS_LIMIT  # noqa: S101 - the caller cuts its batches
        pages = _Pages(self._table, self._names)
        if self._scanner is None:
            times_ms = np.zeros(len(messages), np.int64)
            pages.write_messages(enumerate(messages), times_ms, window)
            return pages.reading([pages.columns()], times_ms)
        return self._scan(self._scanner, messages, window, pages)

    def _scan(
        self, scanner: Scanner, messages: Sequence[bytes], window: Window, pages: "_Pages"
    ) -> Reading:
        if scanner.names > NAMES_LIMIT:
            scanner.forget_names()
        heads = scanner.read(messages)
        status, times_ms, tally = heads["status"], heads["timestamp_ms"].copy(), pages.tally
        timely = (times_ms >= window.since_ms) & (times_ms <= window.until_ms)
        left_out = (status != 0) | ~timely
        tally["meter_refused_malformed_total"] += int((status == HEADLESS).sum())
        tally["meter_refused_time_total"] += int((~timely & (status == 0)).sum())
        tally["meter_total"] += int(heads["meters"][~left_out].sum())
        self._teach(scanner, heads)
        scanned = self._columns(scanner, left_out, tally)
        odd = np.flatnonzero(status == ODD).tolist()
        pages.write_messages(((number, messages[number]) for number in odd), times_ms, window)
        return pages.reading([scanned, pages.columns()], times_ms)

    def _teach(self, scanner: Scanner, heads: NDArray[np.void]) -> None:
        for number, collection, data in scanner.unknown():
            meter = meter_of(pb.MeterData.FromString(data))
            if meter is None or meter.name not in self._names:
                scanner.teach_name(number, UNWANTED)
                continue
            scanner.teach_name(number, self._names[meter.name])
            reason = refusal_or_none(meter)
            if reason is None:
                labels = reported_by(*scanner.head_texts(heads[collection]), meter.labels)
                scanner.teach_labels(number, self._table.intern(labels))
            else:
                scanner.teach_labels(number, -1 - REASONS.index(reason))

    def _columns(
        self, scanner: Scanner, left_out: NDArray[np.bool_], tally: Counter[str]
    ) -> "_Columns":
        fresh = scanner.fresh_bounds(len(self._bounds)).tolist()
        if fresh:
            numbers = [self._table.bound(bound_text(bound)) for bound in fresh]
            self._bounds = np.concatenate((self._bounds, np.array(numbers, np.int64)))
        found, refused = scanner.columns(len(self._names), left_out, self._bounds)
        for reason, count in refused.items():
            tally[f"meter_refused_{reason}_total"] += count
            tally["meter_total"] -= count
        names = list(self._names)
        return {names[code]: (column.ids, column.values) for code, column in found.items()}


_Columns = dict[str, tuple[Ids, family.Column]]


class _Pages:
    """Samples of collections that are Python values already."""

    def __init__(self, table: LabelTable, names: Iterable[str]) -> None:
        self._table = table
        self._names = names
        self._lists: dict[str, tuple[list[int], list[float]]] = {}
        self.tally: Counter[str] = Counter()
        self._unreadable: list[int] = []

    def reading(self, columns: "list[_Columns]", times_ms: Ids) -> Reading:
        """What was written and scanned, as a pass takes it."""
        found = _families(columns, self.tally)
        return Reading(found, times_ms, self.tally, tuple(self._unreadable))

    def write_messages(
        self, messages: Iterable[tuple[int, bytes]], times_ms: Ids, window: Window
    ) -> None:
        for number, data in messages:
            try:
                collection = collection_of(pb.MeterDataCollection.FromString(data).meterData)
            except (DecodeError, Malformed) as error:
                self.tally["meter_refused_malformed_total"] += 1
                self._unreadable += [number] if isinstance(error, DecodeError) else []
                continue
            times_ms[number] = collection.timestamp_ms
            if window.since_ms <= collection.timestamp_ms <= window.until_ms:
                self.write(number, collection)
            else:
                self.tally["meter_refused_time_total"] += 1

    def write(self, number: int, collection: Collection) -> None:
        for meter in collection.meters:
            self.tally["meter_total"] += 1
            if meter.name not in self._names:
                continue
            reason = refusal_or_none(meter)
            if reason is None:
                labels = reported_by(collection.service, collection.instance, meter.labels)
                self._append(number << COLLECTION_SHIFT | self._table.intern(labels), meter)
            else:
                self.tally[f"meter_refused_{reason}_total"] += 1
                self.tally["meter_total"] -= 1

    def _append(self, series: int, meter: Meter) -> None:
        ids, values = self._lists.setdefault(meter.name, ([], []))
        if isinstance(meter, Histogram):
            plain = series >> BOUND_BITS << BOUND_BITS
            ids += [plain | self._table.bound(bound_text(bound)) for bound, _ in meter.buckets]
            values += [count for _, count in meter.buckets]
        else:
            ids.append(series)
            values.append(meter.value)

    def columns(self) -> _Columns:
        return {
            name: (np.array(ids, np.int64), np.array(values, np.float64))
            for name, (ids, values) in self._lists.items()
        }


def _families(parts: Sequence[_Columns], tally: Counter[str]) -> dict[str, Family]:
    """All parts as one, with what is no number left out."""
    families: dict[str, Family] = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        columns = [part[name] for part in parts if name in part]
        ids, values = columns[0]
        if len(columns) > 1:
            ids, values = (np.concatenate(each) for each in zip(*columns, strict=True))
        finite = np.isfinite(values)
        if not finite.all():
            missing = int(np.isnan(values).sum())
            tally["value_refused_nan_total"] += missing
            tally["value_clamped_infinite_total"] += int((~finite).sum()) - missing
        built = family.build(ids, values, about=About(name))
        if built:
            families[name] = built
    return families


def refusal_or_none(meter: Meter) -> str | None:
    """Why this meter cannot be taken in, as one of REASONS."""
    names = [name for name, _ in meter.labels]
    if isinstance(meter, Histogram) and len(meter.buckets) > BUCKETS_LIMIT:
        return "buckets"
    if len(names) > LABELS_LIMIT:
        return "labels"
    if len(set(names)) < len(names):
        return "label_twice"
    if any(len(name) + len(value) > LABEL_BYTES_LIMIT for name, value in meter.labels):
        return "size"
    return None


def reported_by(service: str, instance: str, reported: Labels) -> Labels:
    """
    The labels of a sample; the reporter's own service and instance stand, whatever its labels say.

    >>> reported_by("shop", "shop-0", (("service", "other"), ("side", "client")))
    (('side', 'client'), ('service', 'shop'), ('instance', 'shop-0'))
    """
    own = (("service", service), ("instance", instance))
    return tuple(each for each in reported if each[0] not in ("service", "instance")) + own


def bound_text(bound: float) -> str:
    """
    A bucket's bound as Java writes a double, and minus infinity as SkyWalking writes it.

    >>> [bound_text(bound) for bound in (100.0, 1e7, 0.00025, 123456789.5, -math.inf)]
    ['100.0', '1.0E7', '2.5E-4', '1.234567895E8', '-9223372036854775808']
    """
    if math.isinf(bound) or bound == -(2.0**63):
        return "Infinity" if bound > 0 else "-9223372036854775808"
    if math.isnan(bound):
        return "NaN"
    if bound == 0 or 1e-3 <= abs(bound) < 1e7:
        return repr(bound)
    sign, digits, exponent = Decimal(repr(bound)).normalize().as_tuple()
    fraction = "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{digits[0]}.{fraction}E{int(exponent) + len(digits) - 1}"
