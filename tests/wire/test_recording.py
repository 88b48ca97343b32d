"""A recording gives back what was said; its times move together."""

import io
from pathlib import Path

import pytest

from podwire.app.replay import shift_ms
from podwire.wire.gen.podwire.recording_pb2 import Entry
from podwire.wire.gen.skywalking import logging_pb2, meter_pb2, tracing_pb2
from podwire.wire.recording import NotARecording, Recorder, read
from podwire.wire.shift import shifted

V3 = "/skywalking.v3."


def recorded() -> bytes:
    """Two calls that overlap."""
    file = io.BytesIO()
    recorder = Recorder(file)
    first = recorder.open_call(1, "/a")
    second = recorder.open_call(2, "/b")
    recorder.add(3, first, b"x" * 300)
    recorder.add(4, second, b"")
    recorder.close_call(5, first, by_agent=True)
    recorder.close_call(6, second, by_agent=False)
    return file.getvalue()


def test_what_was_said_is_read_back(tmp_path: Path) -> None:
    """In order, with its times and its calls."""
    path = tmp_path / "file"
    path.write_bytes(recorded())

    assert [
        (1, 1, "opened", "/a"), (2, 2, "opened", "/b"), (3, 1, "message", b"x" * 300),
        (4, 2, "message", b""), (5, 1, "closed", True), (6, 2, "closed", False),
    ] == [
        (each.time_us, each.call, what, getattr(each, what))
        for each in read(path)
        if (what := each.WhichOneof("what"))
    ]  # fmt: skip


def test_a_recording_that_was_cut_anywhere_gives_what_is_whole(tmp_path: Path) -> None:
    """A recorder may be killed in the middle of a byte's neighbour."""
    path, whole = tmp_path / "file", recorded()
    counts = set()
    for size in range(len(b"podwire recording 1\n"), len(whole) + 1):
        path.write_bytes(whole[:size])
        counts.add(len(list(read(path))))

    assert set(range(7)) == counts


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"podwire recording 2\n"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """By name."""
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(NotARecording, match="file is no recording"):
        list(read(path))


def test_damage_is_refused(tmp_path: Path) -> None:
    """With its place."""
    path = tmp_path / "file"
    path.write_bytes(recorded()[:20] + b"\x03\xff\xff\xff" + recorded()[20:])

    with pytest.raises(NotARecording, match="damaged at byte 24"):
        list(read(path))


def test_every_time_in_a_message_moves() -> None:
    """And a time that is not given stays so."""
    minute = 60_000
    meters = meter_pb2.MeterDataCollection()
    meters.meterData.add(timestamp=5)
    meters.meterData.add(service="s")
    moved = shifted(f"{V3}MeterReportService/collectBatch", meters.SerializeToString(), minute)
    found = meter_pb2.MeterDataCollection.FromString(moved)
    assert [60_005, 0] == [each.timestamp for each in found.meterData]

    log = logging_pb2.LogData(timestamp=7)
    moved = shifted(f"{V3}LogReportService/collect", log.SerializeToString(), minute)
    assert 60_007 == logging_pb2.LogData.FromString(moved).timestamp

    event = tracing_pb2.SpanAttachedEvent()
    event.startTime.seconds, event.startTime.nanos = 1, 999_999_999
    moved = shifted(f"{V3}SpanAttachedEventReportService/collect", event.SerializeToString(), 1)
    start = tracing_pb2.SpanAttachedEvent.FromString(moved).startTime
    assert (2, 999_999) == (start.seconds, start.nanos)

    segment = tracing_pb2.SegmentObject()
    segment.spans.add(startTime=1, endTime=2).logs.add(time=3)
    moved = shifted(f"{V3}TraceSegmentReportService/collect", segment.SerializeToString(), minute)
    (span,) = tracing_pb2.SegmentObject.FromString(moved).spans
    assert [60_001, 60_002, 60_003] == [span.startTime, span.endTime, span.logs[0].time]


def test_what_has_no_time_or_no_meaning_stays() -> None:
    """Byte for byte."""
    for method in ("EBPFProcessService/keepAlive", "MeterReportService/collectBatch"):
        assert b"\xff\xff" == shifted(V3 + method, b"\xff\xff", 60_000)


@pytest.mark.parametrize("speed", [0.5, 1, 2, 1000])
def test_nothing_is_said_from_the_future(speed: float) -> None:
    """Times move by whole minutes, and not past the moment they are said at."""
    entries = [Entry(time_us=second * 1_000_000) for second in range(0, 1000, 7)]
    begin_ms = 1_700_000_000_123

    by_ms = shift_ms(entries, begin_ms, speed)
    assert 0 == by_ms % 60_000
    lags = [
        begin_ms + entry.time_us / 1000 / speed - (entry.time_us / 1000 + by_ms)
        for entry in entries
    ]
    assert min(lags) >= 0
    assert min(lags) <= 60_000
