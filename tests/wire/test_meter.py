"""Meters keep their meaning over the wire."""

import pytest

from podwire.model.meter import Collection, Histogram, Single
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import meter_pb2 as pb
from podwire.wire.meter import PART, collection_bytes, collection_message, collection_of

LABELS = (("client_process_id", "a"), ("server_local", "true"))
COLLECTION = Collection(
    "shop.demo",
    "pod-0",
    1_700_000_000_123,
    (Single("writes", LABELS, 2.5), Histogram("sizes", LABELS, ((0.0, 1), (10.5, 2)))),
)


def test_only_the_first_entry_names_the_instance() -> None:
    """As Rover sends it: service, instance and time stand on entry 0 alone."""
    message = collection_message(COLLECTION)

    heads = [(each.service, each.serviceInstance, each.timestamp) for each in message.meterData]
    assert [("shop.demo", "pod-0", 1_700_000_000_123), ("", "", 0)] == heads


def test_a_collection_survives_the_wire() -> None:
    """Bytes and back give an equal value."""
    data = collection_message(COLLECTION).SerializeToString()

    assert collection_of(pb.MeterDataCollection.FromString(data).meterData) == COLLECTION


@pytest.mark.parametrize("count", [0, 1, PART, 3 * PART + 1])
def test_parts_make_the_same_message(count: int) -> None:
    """Encoded part by part it is byte for byte what it is as a whole."""
    meters = tuple(Single(f"m{number}", LABELS, number) for number in range(count))
    collection = Collection("shop", "pod", 7, meters)

    assert collection_message(collection).SerializeToString() == collection_bytes(collection)


def test_the_head_may_stand_on_any_entry() -> None:
    """A reader takes the last that is not empty, as OAP does."""
    entries = [
        pb.MeterData(singleValue=pb.MeterSingleValue(name="a", value=1)),
        pb.MeterData(service="s", serviceInstance="old", timestamp=5),
        pb.MeterData(serviceInstance="new"),
    ]

    assert Collection("s", "new", 5, (Single("a", (), 1.0),)) == collection_of(entries)


def test_a_collection_without_a_head_is_malformed() -> None:
    """Nothing could be said about whose numbers they are."""
    with pytest.raises(Malformed, match="serviceInstance"):
        collection_of([pb.MeterData(service="s", timestamp=5)])


def test_negative_infinity_has_its_own_bound() -> None:
    """The flag wins over the number beside it."""
    bucket = pb.MeterBucketValue(bucket=7, count=3, isNegativeInfinity=True)
    entry = pb.MeterData(
        histogram=pb.MeterHistogram(name="h", values=[bucket]),
        service="s",
        serviceInstance="i",
        timestamp=1,
    )

    (histogram,) = collection_of([entry]).meters
    assert Histogram("h", (), ((-9223372036854775808.0, 3),)) == histogram
