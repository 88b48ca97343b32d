"""
Meters read by the compiled scanner mean what protobuf says they mean.

The truth is protobuf's own parser and the plain reading of its messages in Python.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import hatch_build
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from podwire.mal.batch import Reader, Reading, Window
from podwire.mal.labels import LabelTable, collection_of
from podwire.model.meter import Collection, Histogram, Meter, Single
from podwire.native.library import library_or_none
from podwire.wire.meter import collection_message
from podwire.wire.scan import BUCKETS_LIMIT, Scanner

from .encodings import collections

WINDOW = Window(0, 100_000)
WANTED = {"a", "b"}


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Every machine that the tests know has a scanner."""
    hatch_build.build_native()
    library_or_none.cache_clear()
    assert library_or_none()


def told(reading: Reading, table: LabelTable) -> dict[str, Any]:
    """What was read, in words: samples in order by collection and name, and every count."""
    samples = [
        (name, int(number), dict(table[identity]), repr(value))
        for name, family in sorted(reading.batch.items())
        for number, identity, value in zip(
            collection_of(family.ids).tolist(), family.ids.tolist(), family.values, strict=True
        )
    ]
    samples.sort(key=lambda sample: sample[:2])  # stable: the order within a collection stays
    counts = {name: count for name, count in reading.tally.items() if count}
    return {"samples": samples, "counts": counts}


def both(messages: Sequence[bytes]) -> list[dict[str, Any]]:
    """The same messages twice through each way to read them."""
    answers = []
    for is_compiled in (True, False):
        table = LabelTable()
        reader = Reader(table, WANTED, is_compiled=is_compiled)
        answers += [told(reader.scan(messages, WINDOW), table) for _ in range(2)]
    return answers


@given(st.lists(collections(), max_size=4))
@example([b"\x0a\x00"])
def test_every_encoding_is_read_as_protobuf_reads_it(messages: list[bytes]) -> None:
    """New and known series, whatever order, padding, repetition or garbage the bytes have."""
    compiled, again, plain, _ = both(messages)

    assert plain == compiled == again


EDGE = (("side", "client"), ("peer", "10.0.0.1:80"), ("code", "200"))
HISTOGRAM = Histogram("b", EDGE, ((10.0, 1), (0.0, 0), (30.0, 2**40), (20.0, 300)))


def message(*meters: Meter, instance: str = "i", timestamp_ms: int = 1000) -> bytes:
    return collection_message(Collection("s", instance, timestamp_ms, meters)).SerializeToString()


@given(st.randoms(use_true_random=False))
def test_labels_in_any_order_are_one_series(random: Random) -> None:
    """A sender that shuffles its labels makes no new series, and none is parsed again."""
    table = LabelTable()
    reader = Reader(table, WANTED)
    reader.scan([message(HISTOGRAM, Single("a", EDGE, 1.0))])
    known = len(table)
    shuffled = tuple(random.sample(EDGE, len(EDGE)))
    reading = reader.scan(
        [message(replace(HISTOGRAM, labels=shuffled), Single("a", shuffled, 2.0))]
    )

    assert known == len(table)
    assert [2.0] == reading.batch["a"].values.tolist()
    assert [1.0, 0.0, 2.0**40, 300.0] == reading.batch["b"].values.tolist()


def test_what_rover_sends_is_never_odd() -> None:
    """A canonical writer's bytes, zeros left out and large counts included, need no protobuf."""
    heads = Scanner().read([message(HISTOGRAM, Single("a", (), 0.0), Single("a", EDGE, -1.0))])

    assert [(0, 3)] == [(head["status"], head["meters"]) for head in heads]


def test_reporters_with_equal_labels_stay_apart() -> None:
    """The hash of a series holds its reporter."""
    table = LabelTable()
    reader = Reader(table, WANTED)
    messages = [message(Single("a", EDGE, 1.0), instance=name) for name in ("one", "two")]
    ids = reader.scan(messages).batch["a"].ids.tolist()

    assert ["one", "two"] == [dict(table[identity])["instance"] for identity in ids]


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Single("a", tuple((f"label{n}", "x") for n in range(10_000)), 1.0), "labels"),
        (Single("a", (*EDGE, ("side", "server")), 1.0), "label_twice"),
        (Single("a", (("side", "x" * 2**20),), 1.0), "size"),
        (Histogram("a", EDGE, tuple((float(n), 1) for n in range(BUCKETS_LIMIT + 1))), "buckets"),
    ],
)
def test_a_meter_beyond_a_limit_is_refused_alone(
    bad: Meter, reason: str, is_compiled: bool
) -> None:
    """Its neighbours arrive, and the reason is counted, each time."""
    reader = Reader(LabelTable(), WANTED, is_compiled=is_compiled)
    for _ in range(2):
        reading = reader.scan([message(bad, Single("b", EDGE, 7.0)), message(Single("b", (), 8.0))])

        assert [7.0, 8.0] == reading.batch["b"].values.tolist()
        assert "a" not in reading.batch
        assert (1, 2) == (
            reading.tally[f"meter_refused_{reason}_total"], reading.tally["meter_total"],
        )  # fmt: skip


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize(
    ("timestamp_ms", "count"),
    [(2**62, "time"), (100_001, "time"), (-1, "time"), (0, "malformed"), (1, "")],
)
def test_a_collection_out_of_time_is_refused_alone(
    timestamp_ms: int, count: str, is_compiled: bool
) -> None:
    """A clock that is wrong by a week or by aeons spoils nobody else's minute."""
    reader = Reader(LabelTable(), WANTED, is_compiled=is_compiled)
    reading = reader.scan(
        [message(Single("a", (), 1.0), timestamp_ms=timestamp_ms), message(Single("a", (), 2.0))],
        WINDOW,
    )

    assert ([2.0] if count else [1.0, 2.0]) == reading.batch["a"].values.tolist()
    assert not count or 1 == reading.tally[f"meter_refused_{count}_total"]


@pytest.mark.parametrize("is_compiled", [True, False])
def test_what_is_no_number_is_refused_and_endless_ones_are_counted(is_compiled: bool) -> None:
    """NaN is left out, infinity goes on to be clamped, both are counted; a NUL byte is text."""
    table = LabelTable()
    reader = Reader(table, WANTED, is_compiled=is_compiled)
    values = (float("nan"), float("inf"), float("-inf"), 5.0)
    meters = [Single("a", (("peer", f"nul\0{n}"),), value) for n, value in enumerate(values)]
    reading = reader.scan([message(*meters)])

    assert [float("inf"), float("-inf"), 5.0] == reading.batch["a"].values.tolist()
    assert (1, 2) == (
        reading.tally["value_refused_nan_total"], reading.tally["value_clamped_infinite_total"],
    )  # fmt: skip
    assert "nul\0" + "3" == dict(table[int(reading.batch["a"].ids[-1])])["peer"]


def test_a_name_of_a_megabyte_is_skipped() -> None:
    """No rule asks for it, so it costs its bytes and is looked at once."""
    reader = Reader(LabelTable(), WANTED)
    reading = reader.scan([message(Single("n" * 2**20, EDGE, 1.0), Single("a", EDGE, 2.0))])

    assert ["a"] == list(reading.batch)
    assert 2 == reading.tally["meter_total"]
