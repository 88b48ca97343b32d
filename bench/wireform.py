"""
Edge reports as bytes: laid out once, then only numbers and ids are written into them.

In: how many edges a collection has, and chance.  Out: a layout that gives serialized collections as
fast as bytes can be copied. Each layout has its own order of labels and buckets and its own empty
buckets, so that who switches between layouts sends what agents send: never twice in one order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from bench.mal import HISTOGRAMS, PREFIX, SINGLES

ID_BYTES, INSTANCE_BYTES, TIME_BYTES = 64, 16, 6
MOST_BOUNDS = 45
EMPTY_SHARE = 0.5
"""So many buckets of a histogram are empty, and their count is left out as writers do."""

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Text:
    """Bytes, and what is to be written where."""

    data: bytes
    marks: tuple[tuple[str, int, int], ...] = ()
    """What (`client`, `value`, ...), which one, and at which byte."""

    def __add__(self, other: "_Text") -> "_Text":
        shift = len(self.data)
        moved = tuple((what, which, at + shift) for what, which, at in other.marks)
        return _Text(self.data + other.data, self.marks + moved)


def _varint(number: int) -> bytes:
    digits = []
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _field(tag: int, body: _Text) -> _Text:
    return _Text(bytes([tag]) + _varint(len(body.data))) + body


def _blank(what: str, which: int, size: int) -> _Text:
    return _Text(b"\0" * size, ((what, which, 0),))


def _label(name: str, value: _Text) -> _Text:
    return _field(0x12, _field(0x0A, _Text(name.encode())) + _field(0x12, value))


def _join(parts: list[_Text]) -> _Text:
    whole = _Text(b"")
    for part in parts:
        whole += part
    return whole


class Layout:
    """The bytes of a collection of one instance, with room for ids, time, values and counts."""

    def __init__(self, edges: int, random: Random) -> None:
        self.edges = edges
        parts = [_head()]
        self.is_empty = np.ones((edges, len(HISTOGRAMS), MOST_BOUNDS), np.bool_)
        for edge in range(edges):
            parts += [self._single(edge, at, random) for at in range(len(SINGLES))]
            parts += [self._histogram(edge, at, random) for at in range(len(HISTOGRAMS))]
        whole = _join(parts)
        self._bytes = np.frombuffer(whole.data, np.uint8)
        self._places = {
            what: self._place(whole, what, size)
            for what, size in (
                *(("time", TIME_BYTES), ("instance", INSTANCE_BYTES)),
                *(("client", ID_BYTES), ("server", ID_BYTES), ("value", 8), ("count", 1)),
            )
        }

    @staticmethod
    def _place(whole: _Text, what: str, size: int) -> tuple[Longs, Longs]:
        """Which one stands where, a column for each of its bytes."""
        mine = [(which, at) for name, which, at in whole.marks if name == what]
        which, at = (np.array(each, np.int64) for each in zip(*mine, strict=True))
        return which, at[:, None] + np.arange(size)

    def __len__(self) -> int:
        """Bytes."""
        return len(self._bytes)

    def _labels(self, edge: int, name: str, random: Random) -> list[_Text]:
        labels = [
            _label("client_process_id", _blank("client", edge, ID_BYTES)),
            _label("server_process_id", _blank("server", edge, ID_BYTES)),
            *(_label(*each) for each in (("side", _Text(b"client")), ("protocol", _Text(b"http")))),
            _label("is_ssl", _Text(b"false")),
        ]
        if "status" in name:
            labels.append(_label("code", _Text(b"200")))
        return random.sample(labels, len(labels))

    def _single(self, edge: int, at: int, random: Random) -> _Text:
        name = PREFIX + SINGLES[at]
        value = _Text(b"\x19") + _blank("value", edge * len(SINGLES) + at, 8)
        parts = [_field(0x0A, _Text(name.encode())), *self._labels(edge, name, random), value]
        return _field(0x0A, _field(0x0A, _join(parts)))

    def _histogram(self, edge: int, at: int, random: Random) -> _Text:
        name, bounds = PREFIX + HISTOGRAMS[at][0], HISTOGRAMS[at][1]
        buckets = []
        for number, bound in enumerate(bounds):
            entry = _Text(b"\x09" + np.float64(bound).tobytes())
            if random.random() >= EMPTY_SHARE:
                which = (edge * len(HISTOGRAMS) + at) * MOST_BOUNDS + number
                entry += _Text(b"\x10") + _blank("count", which, 1)
                self.is_empty[edge, at, number] = False
            buckets.append(_field(0x1A, entry))
        random.shuffle(buckets)
        name_field = _field(0x0A, _Text(name.encode()))
        parts = [name_field, *self._labels(edge, name, random), *buckets]
        return _field(0x0A, _field(0x12, _join(parts)))

    def write(
        self,
        *,
        instance: str,
        time_ms: int,
        clients: list[str],
        servers: list[str],
        values: NDArray[np.float64],
        counts: Longs,
    ) -> bytes:
        """
        A serialized collection.

        `values` is edges by SINGLES, `counts` edges by HISTOGRAMS by bucket, all below 128.
        """
        data = self._bytes.copy()
        self._put(data, "time", np.frombuffer(_varint(time_ms), np.uint8)[None])
        self._put(data, "instance", np.frombuffer(instance.encode(), np.uint8)[None])
        self._put(data, "client", _ids(clients))
        self._put(data, "server", _ids(servers))
        self._put(data, "value", values.reshape(-1, 1).view(np.uint8))
        self._put(data, "count", counts.reshape(-1, 1).astype(np.uint8))
        return data.tobytes()

    def _put(self, data: Bytes, what: str, rows: Bytes) -> None:
        which, places = self._places[what]
        data[places] = rows[which]


def _head() -> _Text:
    service = _field(0x1A, _Text(b"bench"))
    instance = _field(0x22, _blank("instance", 0, INSTANCE_BYTES))
    return _field(0x0A, service + instance + _Text(b"\x28") + _blank("time", 0, TIME_BYTES))


def _ids(ids: list[str]) -> Bytes:
    return np.frombuffer("".join(ids).encode(), np.uint8).reshape(-1, ID_BYTES)


Now = Callable[[], int]
