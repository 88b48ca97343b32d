"""
What the whole backend takes in: gRPC, MAL, storage.

In: edge reports as agents send them, in a closed loop.  Out: samples per core-second, where a
sample is a single value or a histogram's bucket, and CPU is all of the backend's process.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import grpc
import psutil

from bench.mal import collections, samples_of
from bench.row import Row
from bench.stage import cpu_s, free_port, program, rss_mb, wait
from podwire.wire.gen.skywalking import meter_pb2, meter_pb2_grpc
from podwire.wire.graphql import ask
from podwire.wire.meter import collection_message

SECONDS = 8.0
EDGES = 10


def rows(folder: str) -> list[Row]:
    """Closed loop over one connection, ten edges a collection, a hundred edges in all."""
    grpc_address, http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with program(
        "backend", "--grpc", grpc_address, "--http", http, "--storage", f"chdb://{folder}/ingest"
    ) as backend:
        wait("the backend", lambda: ask(f"http://{http}", "{ version }"))
        samples, share = asyncio.run(_drive(grpc_address, backend))
        return [
            Row("backend: samples per core-second", f"{samples / 1e3:,.0f}k", "gRPC to storage"),
            Row("backend: cores used meanwhile", f"{share:.2f}", "closed loop, one connection"),
            Row("backend: RSS after that", f"{rss_mb(backend):.0f} MB"),
        ]


async def _drive(address: str, backend: psutil.Process) -> tuple[float, float]:
    now_ms = time.time_ns() // 1_000_000
    work = collections(EDGES, 10)
    messages = [collection_message(each) for each in work]
    for message in messages:
        message.meterData[0].timestamp = now_ms
    samples = sum(map(samples_of, work))

    async def stream() -> AsyncIterator[meter_pb2.MeterDataCollection]:
        for message in messages:
            yield message

    async with grpc.aio.insecure_channel(address) as channel:
        stub = meter_pb2_grpc.MeterReportServiceStub(channel)
        await stub.collectBatch(stream())
        before_s, start_s, streams = cpu_s(backend), time.monotonic(), 0
        while time.monotonic() < start_s + SECONDS:
            await stub.collectBatch(stream())
            streams += 1
        used_s, took_s = cpu_s(backend) - before_s, time.monotonic() - start_s
    return streams * samples / used_s, used_s / took_s
