"""Batches that are too large, and what becomes of the others: a real server, faked rules."""

import grpc
import pytest

from podwire.model.meter import Collection, Single
from podwire.receiver.server import MAX_MESSAGE_BYTES
from podwire.wire.meter import collection_message

from .serving import NOW_MS, serving

METHOD = "/skywalking.v3.MeterReportService/collectBatch"


def batch(value: float, size: int = 0) -> bytes:
    """A collection, blown up by a meter with a long name."""
    meters = (Single("m", (), value), Single("n" * size, (), 0.0))
    return collection_message(Collection("s", "i", NOW_MS, meters)).SerializeToString()


async def test_a_batch_of_fifty_megabytes_is_taken_and_a_larger_one_refused() -> None:
    """The sender of the larger one is told so; everybody else's data goes on."""
    largest = batch(2.0, MAX_MESSAGE_BYTES - 200)
    async with (
        serving() as backend,
        grpc.aio.insecure_channel(
            backend.address, options=[("grpc.max_send_message_length", -1)]
        ) as channel,
    ):
        call = channel.stream_unary(METHOD, None, None)
        await call(iter([batch(1.0), largest]))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(iter([batch(9.0, MAX_MESSAGE_BYTES)]))
        await call(iter([batch(3.0)]))

    assert grpc.StatusCode.RESOURCE_EXHAUSTED is refused.value.code()
    assert [1.0, 2.0, 3.0] == backend.memory.values
    assert MAX_MESSAGE_BYTES - 200 < len(largest) <= MAX_MESSAGE_BYTES


async def test_bytes_that_are_no_batch_fail_their_own_stream() -> None:
    """They are counted; what stands before and behind them in the same stream arrives."""
    async with serving() as backend, backend.channel() as channel:
        call = channel.stream_unary(METHOD, None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(iter([batch(1.0), b"\xff\xff garbage", batch(2.0)]))
        assert grpc.StatusCode.INTERNAL is caught.value.code()

    assert [1.0, 2.0] == backend.memory.values
    assert 1 == backend.tally.statistics()["meter_refused_malformed_total"]
