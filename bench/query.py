"""
How fast questions are answered, over HTTP's own path without a socket.

In: a store with 1,000 edges of 50 instances over 30 minutes.  Out: percentiles.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import httpx

from bench.row import Row
from podwire.app.rules import shipped
from podwire.mal import load
from podwire.model.identity import instance_id, process_id, relation_id, service_id
from podwire.model.metric import Partial, Relation, Side
from podwire.model.process import DetectType, Entity, ProcessRecord
from podwire.query import application
from podwire.storage import Store

INSTANCES, EDGES, MINUTES = 50, 20, 30
PREFIX = "process_relation_"
TABLE = {str(bound): bound % 7 for bound in (0, 10_000, 50_000, 100_000, 500_000, 1_000_000)}

TOPOLOGY = """
query ($instance: ID!, $duration: Duration!) {
  getProcessTopology(serviceInstanceId: $instance, duration: $duration) {
    nodes { id name isReal } calls { id source target sourceComponents targetComponents }
  }
}
"""
FIELDS = "{ type results { metric { labels { key value } } values { id value } } }"


def rows(folder: str) -> list[Row]:
    """One question at a time, then a page's forty at once."""
    return asyncio.run(_rows(f"chdb://{folder}/query"))


async def _rows(dsn: str) -> list[Row]:
    start_s = time.monotonic()
    store = await Store.open(dsn)
    opened_s = time.monotonic() - start_s
    metrics = {metric.name: metric for metric in load(_rules()).metrics}
    now_s = int(time.time()) // 60 * 60
    await _fill(store, now_s, list(metrics))
    transport = httpx.ASGITransport(application(store, metrics=metrics, page=None))
    async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
        duration = {
            "start": time.strftime("%Y-%m-%d %H%M", time.localtime(now_s - 60 * (MINUTES - 1))),
            "end": time.strftime("%Y-%m-%d %H%M", time.localtime(now_s)),
            "step": "MINUTE",
        }
        found = [Row("store: time to open", f"{opened_s:.2f} s", "embedded engine, new")]
        for what, query in (
            ("getProcessTopology, 20 edges", TOPOLOGY),
            ("execExpression, one", _expressions(1)),
            ("execExpression, forty of one edge", _expressions(40)),
        ):
            found.append(await _timed(what, partial(_ask, client, query, duration)))
    await store.close()
    return found


def _rules() -> Path:
    return shipped() / "network-profiling.yaml"


async def _fill(store: Store, now_s: int, metrics: list[str]) -> None:
    for number in range(INSTANCES):
        names = [f"process-{n}" for n in range(EDGES + 1)]
        records = [_record(number, name, now_s * 1000) for name in names]
        await store.keep_alive(records)
        edges = [(records[0].process_id, each.process_id) for each in records[1:]]
        for minute in range(MINUTES):
            minute_s = now_s - minute * 60
            relations = [
                Relation(_instance(number), *edge, Side.CLIENT, 49, minute_s) for edge in edges
            ]
            partials = [
                Partial(metric, relation_id(*edge), Side.CLIENT, minute_s, 1000, 10, TABLE)
                for edge in edges
                for metric in metrics
            ]
            await store.add(partials, relations)
        await store.flush()


def _instance(number: int) -> str:
    return instance_id(service_id("bench"), f"bench-{number}")


def _record(number: int, name: str, now_ms: int) -> ProcessRecord:
    entity = Entity(layer="K8S_SERVICE", service="bench", instance=f"bench-{number}", process=name)
    return ProcessRecord(
        process_id=process_id(_instance(number), name),
        entity=entity,
        detect_type=DetectType.VM,
        agent_id="bench",
        last_ping_ms=now_ms,
    )


def _expressions(count: int) -> str:
    names = [metric.name for metric in load(_rules()).metrics][:count]
    asked = "\n".join(
        f'm{n}: execExpression(expression: "{name}", entity: $entity, duration: $duration) {FIELDS}'
        for n, name in enumerate(names)
    )
    return f"query ($entity: Entity!, $duration: Duration!) {{ {asked} }}"


async def _ask(client: httpx.AsyncClient, query: str, duration: object, number: int) -> None:
    end = {"ServiceName": "bench", "Normal": True, "ServiceInstanceName": f"bench-{number % 50}"}
    entity = {
        **{key[0].lower() + key[1:]: value for key, value in end.items()},
        **{f"dest{key}": value for key, value in end.items()},
        "processName": "process-0",
        "destProcessName": f"process-{number % EDGES + 1}",
    }
    variables = {"instance": _instance(number % 50), "entity": entity, "duration": duration}
    wanted = {key: value for key, value in variables.items() if f"${key}" in query}
    answer = await client.post("/graphql", json={"query": query, "variables": wanted})
    assert "errors" not in answer.json(), answer.text
    assert '"value":"' in answer.text or '"calls":[{' in answer.text, answer.text


async def _timed(what: str, ask: Callable[[int], Awaitable[None]]) -> Row:
    times_ms = []
    for number in range(100):
        start_s = time.perf_counter()
        await ask(number)
        times_ms.append((time.perf_counter() - start_s) * 1000)
    times_ms.sort()
    text = f"{times_ms[50]:.1f} / {times_ms[95]:.1f} ms"
    return Row(f"query p50 / p95: {what}", text, "1,000 edges, 30 minutes")
