"""
Collections of meters read off the wire in bulk, without a message or a Python object for a sample.

In: serialized `MeterDataCollection`s.  Out: their heads, meters that are to be taught, columns.
The compiled scanner (`native/scan.c`) knows names and label sets by keyed hashes; the one who reads
teaches it what they stand for.  What it calls odd is for protobuf: maybe valid, but unlike any
writer's form.
"""

import ctypes
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podwire.native.library import address, library_or_none

Longs = NDArray[np.int64]
Doubles = NDArray[np.float64]

READ, ODD, HEADLESS = range(3)
"""What a collection is: read, left to protobuf, or without service, instance or time."""

BUCKETS_LIMIT = 1024
"""A histogram of more buckets is refused (`native/scan.c` has the same number)."""

REASONS = ("buckets", "labels", "label_twice", "size")
"""Why a meter is refused: too many buckets or labels, one label twice, a label too long."""

UNWANTED = -1
"""The code of a name that no rule asks for."""

HEAD = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("status", "meters", "timestamp_ms"),
            *("service_at", "service_size", "instance_at", "instance_size"),
        )
    ]
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Samples of one metric name: ids as taught, with the collection's number on top."""

    ids: Longs
    values: Doubles


class Scanner:
    """What was taught, and the messages of the last `read`."""

    def __init__(self) -> None:
        library = library_or_none()
        if library is None:
            raise OSError("no compiled scanner for this machine")
        self._library = library
        key = np.frombuffer(secrets.token_bytes(32), np.uint64)
        self._state = ctypes.c_void_p(library.scanner_new(address(key)))
        if not self._state:
            raise MemoryError
        self._buffer = b""
        self._meters = 0

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.scanner_free(self._state)

    def __len__(self) -> int:
        """Names, label sets and bounds remembered."""
        sets = self._library.known_labels(self._state) + self._library.known_bounds(self._state)
        return int(sets) + self.names

    @property
    def names(self) -> int:
        """Names remembered, wanted or not."""
        return int(self._library.known_names(self._state))

    def read(self, messages: Sequence[bytes]) -> NDArray[np.void]:
        """The head of each; whatever was read before is gone."""
        self._buffer = b"".join(messages)
        starts = np.zeros(len(messages) + 1, np.int64)
        np.cumsum([len(each) for each in messages], out=starts[1:])
        heads = np.zeros(len(messages), HEAD)
        self._meters = self._library.scan(
            self._state, self._buffer, address(starts), len(messages), address(heads)
        )
        return heads

    def head_texts(self, head: NDArray[np.void]) -> tuple[str, str]:
        """Service and instance of a collection that was read."""
        _, _, _, at, size, instance_at, instance_size = head.item()
        service = self._buffer[at : at + size]
        return service.decode(), self._buffer[instance_at : instance_at + instance_size].decode()

    def unknown(self) -> Iterator[tuple[int, int, bytes]]:
        """Number, collection and bytes of each meter that is to be taught; once a series."""
        rows = np.empty((self._meters, 4), np.int64)
        found = self._library.unknown_meters(self._state, address(rows))
        for number, collection, at, size in rows[:found].tolist():
            if not self._library.settle_meter(self._state, number):
                yield number, collection, self._buffer[at : at + size]
                self._library.settle_meter(self._state, number)

    def teach_name(self, meter: int, code: int) -> None:
        """The name of this meter has this code from now on; UNWANTED and its meters are skipped."""
        if not self._library.learn_name(self._state, meter, code):
            raise MemoryError

    def teach_labels(self, meter: int, identity: int) -> None:
        """Meters of these labels and reporter have this id; `-1 - n` refuses by REASONS[n]."""
        if not self._library.learn_labels(self._state, meter, identity):
            raise MemoryError

    def fresh_bounds(self, known: int) -> Doubles:
        """The bounds met beyond the first `known`, in the order of their codes."""
        count = self._library.known_bounds(self._state) - known
        bits = np.empty(count, np.float64)
        if count:
            self._library.bounds_from(self._state, known, address(bits))
        return bits

    def columns(
        self, names: int, left_out: NDArray[np.bool_], bounds: Longs
    ) -> tuple[dict[int, Columns], dict[str, int]]:
        """
        Samples by the code of their name, and how many meters were refused for which reason.

        `left_out` says of each collection whether to skip it, `bounds` has the reader's number of
        each bound by code.
        """
        counts, refused = np.zeros(names, np.int64), np.zeros(len(REASONS), np.int64)
        skipped = left_out.astype(np.uint8)
        self._library.count_samples(
            self._state, address(skipped), address(counts), address(refused), len(refused)
        )
        starts = np.concatenate(([0], np.cumsum(counts)))
        ids, values = np.empty(int(starts[-1]), np.int64), np.empty(int(starts[-1]))
        following, bounds = starts[:-1].copy(), np.ascontiguousarray(bounds)
        self._library.fill_samples(
            self._state,
            *map(address, (skipped, following, bounds, ids, values)),
        )
        found = {
            code: Columns(
                ids[starts[code] : starts[code + 1]], values[starts[code] : starts[code + 1]]
            )
            for code in np.flatnonzero(counts).tolist()
        }
        reasons = {REASONS[at]: int(refused[at]) for at in np.flatnonzero(refused).tolist()}
        return found, reasons

    def forget(self) -> None:
        """Label sets and bounds are to be taught anew."""
        self._library.scanner_forget(self._state)

    def forget_names(self) -> None:
        """Names are to be taught anew."""
        self._library.scanner_forget_names(self._state)
