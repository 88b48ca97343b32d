"""
Meters on the wire: `MeterData` streams and collections.

In: `model.Collection` from the agent, or messages from any agent.  Out: the other one.
Only the first entry of a collection names service, instance and time, as Rover does; a reader
takes the last one that is not empty, wherever it stands.
"""

from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO

from podwire.model.meter import Collection, Histogram, Meter, Single
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import meter_pb2 as pb

NEGATIVE_INFINITY = -9223372036854775808.0
"""The bound by which a bucket without a lower bound is known (contract 5.1)."""


PART = 64
"""So many meters are messages at once: they take several times what they are encoded to."""


def collection_bytes(collection: Collection) -> bytes:
    """The same as `collection_message`, encoded: a message is its parts, one after another."""
    encoded = BytesIO()
    for start in range(0, len(collection.meters), PART):
        encoded.write(_part(collection, start).SerializeToString())
    return encoded.getvalue()


def _part(collection: Collection, start: int) -> pb.MeterDataCollection:
    meters = collection.meters[start : start + PART]
    if start == 0:
        return collection_message(replace(collection, meters=meters))
    return pb.MeterDataCollection(meterData=map(_meter_message, meters))


def collection_message(collection: Collection) -> pb.MeterDataCollection:
    """One collection for `collectBatch`."""
    message = pb.MeterDataCollection(meterData=map(_meter_message, collection.meters))
    if message.meterData:
        head = message.meterData[0]
        head.service = collection.service
        head.serviceInstance = collection.instance
        head.timestamp = collection.timestamp_ms
    return message


def _meter_message(meter: Meter) -> pb.MeterData:
    labels = [pb.Label(name=name, value=value) for name, value in meter.labels]
    if isinstance(meter, Single):
        return pb.MeterData(
            singleValue=pb.MeterSingleValue(name=meter.name, labels=labels, value=meter.value)
        )
    values = [pb.MeterBucketValue(bucket=bound, count=count) for bound, count in meter.buckets]
    return pb.MeterData(histogram=pb.MeterHistogram(name=meter.name, labels=labels, values=values))


def collection_of(messages: Iterable[pb.MeterData]) -> Collection:
    """
    One input of the rules.

    Raises `Malformed` when no entry names service, instance and time.
    """
    service = instance = ""
    timestamp_ms = 0
    meters = []
    for message in messages:
        service = message.service or service
        instance = message.serviceInstance or instance
        timestamp_ms = message.timestamp or timestamp_ms
        meter = meter_of(message)
        if meter is not None:
            meters.append(meter)
    if not (service and instance and timestamp_ms):
        raise Malformed("no entry of the collection names service, serviceInstance and timestamp")
    return Collection(service, instance, timestamp_ms, tuple(meters))


def meter_of(message: pb.MeterData) -> Meter | None:
    """The meter of an entry; None when it has none."""
    if message.HasField("singleValue"):
        single = message.singleValue
        return Single(single.name, _labels_of(single.labels), single.value)
    if not message.HasField("histogram"):
        return None
    histogram = message.histogram
    buckets = tuple(
        (NEGATIVE_INFINITY if value.isNegativeInfinity else value.bucket, value.count)
        for value in histogram.values
    )
    return Histogram(histogram.name, _labels_of(histogram.labels), buckets)


def _labels_of(labels: Iterable[pb.Label]) -> tuple[tuple[str, str], ...]:
    return tuple((label.name, label.value) for label in labels)
