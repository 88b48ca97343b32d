"""
Asks a backend questions, and measures how fresh its answers are, while others load it.

In: its addresses on the command line, until standard input closes.  Out: times in ms, as JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import grpc
import httpx

from podwire.model import identity
from podwire.model.identity import instance_id, service_id
from podwire.model.meter import Collection, Single
from podwire.model.process import Entity
from podwire.wire.gen.skywalking import meter_pb2, meter_pb2_grpc
from podwire.wire.meter import collection_message

SERVICE, PROBE = "bench", "asker-0000000000"
METRIC = "process_relation_client_write_cpm"
EXPRESSION = """
query ($entity: Entity!, $duration: Duration!, $metric: String!) {
  execExpression(expression: $metric, entity: $entity, duration: $duration) {
    error results { values { value } }
  }
}
"""
TOPOLOGY = """
query ($instance: ID!, $duration: Duration!) {
  getProcessTopology(serviceInstanceId: $instance, duration: $duration) { calls { id } }
}
"""
PAUSE_S, POLL_S = 0.2, 0.02


def process_id(instance: str, name: str) -> str:
    """The id of a process by its names."""
    return identity.entity_process_id(
        Entity(layer="", service=SERVICE, instance=instance, process=name)
    )


PROBE_ENTITY = identity.relation_id(process_id(PROBE, "one"), process_id(PROBE, "other"))


class Asker:
    """Two kinds of questions, one after the other, and a probe now and then."""

    def __init__(self, http: str, channel: grpc.aio.Channel, instances: int) -> None:
        self._client = httpx.AsyncClient(base_url=http, timeout=30)
        self._stub = meter_pb2_grpc.MeterReportServiceStub(channel)
        self._instances = instances
        self.times_ms: dict[str, list[float]] = {"topology": [], "expression": [], "fresh": []}
        self._sent: dict[int, float] = {}

    async def run(self, until: asyncio.Event) -> None:
        turn = 0
        while not until.is_set():
            turn += 1
            instance = f"bench-{turn % self._instances:010}"
            await self._timed("topology", TOPOLOGY, {"instance": _id(instance)})
            entity = _entity(instance, "client", "server-0-0")
            await self._timed("expression", EXPRESSION, {"entity": entity, "metric": METRIC})
            if turn % 5 == 0:
                await self._probe()
            await asyncio.sleep(PAUSE_S)

    async def _timed(self, kind: str, query: str, variables: dict[str, object]) -> None:
        start_s = time.perf_counter()
        await self._ask(query, variables)
        self.times_ms[kind].append((time.perf_counter() - start_s) * 1000)

    async def _ask(self, query: str, variables: dict[str, object]) -> dict[str, object]:
        now = datetime.now()
        start, end = (each.strftime("%Y-%m-%d %H%M") for each in (now - timedelta(minutes=15), now))
        duration = {"start": start, "end": end, "step": "MINUTE"}
        body = {"query": query, "variables": {**variables, "duration": duration}}
        answer = (await self._client.post("/graphql", json=body)).json()
        if "errors" in answer:
            raise RuntimeError(answer["errors"])
        found: dict[str, object] = answer["data"]
        return found

    async def _probe(self) -> None:
        """Send one more write of our own edge, and wait until the answer counts it."""
        minute = int(time.time()) // 60
        start_s = time.perf_counter()
        await self._stub.collectBatch(_probe_of(int(time.time() * 1000)))
        self._sent[minute] = self._sent.get(minute, 0) + 1
        while time.perf_counter() < start_s + 30:
            if await self._visible() >= sum(self._sent.values()):
                self.times_ms["fresh"].append((time.perf_counter() - start_s) * 1000)
                return
            await asyncio.sleep(POLL_S)
        raise TimeoutError("the probe did not become visible")

    async def _visible(self) -> float:
        entity = _entity(PROBE, "one", "other")
        answer = await self._ask(EXPRESSION, {"entity": entity, "metric": METRIC})
        found = json.dumps(answer)
        values = json.loads(found)["execExpression"]["results"]
        return sum(float(each["value"] or 0) for one in values for each in one["values"])


def _id(instance: str) -> str:
    return instance_id(service_id(SERVICE), instance)


def _entity(instance: str, client: str, server: str) -> dict[str, object]:
    return {
        "serviceName": SERVICE,
        "normal": True,
        "serviceInstanceName": instance,
        "processName": client,
        "destServiceName": SERVICE,
        "destNormal": True,
        "destServiceInstanceName": instance,
        "destProcessName": server,
    }


async def _probe_of(now_ms: int) -> AsyncIterator[meter_pb2.MeterDataCollection]:
    labels = (
        ("client_process_id", process_id(PROBE, "one")),
        ("server_process_id", process_id(PROBE, "other")),
        *(("side", "client"), ("protocol", "http"), ("is_ssl", "false")),
    )
    meter = Single("rover_net_p_client_write_counts_counter", labels, 1.0)
    yield collection_message(Collection(SERVICE, PROBE, now_ms, (meter,)))


async def main() -> None:
    grpc_address, http, instances = sys.argv[1:]
    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: until.set())
    async with grpc.aio.insecure_channel(grpc_address) as channel:
        asker = Asker(f"http://{http}", channel, int(instances))
        await asker.run(until)
    print(json.dumps(asker.times_ms))


if __name__ == "__main__":
    asyncio.run(main())
