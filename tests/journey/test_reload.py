"""Rules change under load, and every sample is counted once."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import pytest
from bench.stage import free_port, program, wait

from podwire.model.identity import instance_id, process_id, service_id
from podwire.model.meter import Collection, Single
from podwire.wire.gen.skywalking import meter_pb2_grpc
from podwire.wire.graphql import ask
from podwire.wire.meter import collection_message

RULES = """
metricPrefix: p
expSuffix: processRelation('side', ['service'], ['instance'], 'from', 'to', 'component')
metricsRules:
  - {name: %s, exp: m.downsampling(SUM)}
"""
TOTAL = """
query ($expression: String!, $entity: Entity!, $duration: Duration!) {
  execExpression(expression: $expression, entity: $entity, duration: $duration) {
    error results { values { value } }
  }
}
"""
SENDERS, REPORTS = 4, 150
INSTANCE = instance_id(service_id("shop"), "shop-0")
LABELS = (
    ("side", "client"),
    ("from", process_id(INSTANCE, "a")),
    ("to", process_id(INSTANCE, "b")),
    ("component", "49"),
)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder of rules with one file."""
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "rules.yaml"
    path.write_text(RULES % "before")
    return path


@pytest.fixture
def backend(rules: Path, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Where it takes meters and where it answers."""
    agents, http = (f"127.0.0.1:{free_port()}" for _ in range(2))
    config = tmp_path / "podwire.json"
    active = {"default": {"meterAnalyzerActiveFiles": "mine"}}
    section = {"rules": str(tmp_path), "storage": "chdb://memory", "grpc": agents, "http": http}
    config.write_text(json.dumps({"backend": section, "agent-analyzer": active}))
    with program("backend", "--config", str(config)):
        wait("the backend", lambda: ask(f"http://{http}", "{ version }"))
        yield agents, f"http://{http}"


def send(address: str, count: int) -> None:
    """Reports of 1 each, one stream a report, of this minute and of one in two minutes."""
    with grpc.insecure_channel(address) as channel:
        service = meter_pb2_grpc.MeterReportServiceStub(channel)
        for turn in range(count):
            now_ms = int(time.time() * 1000) + turn % 2 * 120_000
            sample = Collection("shop", "shop-0", now_ms, (Single("m", LABELS, 1.0),))
            service.collectBatch(iter([collection_message(sample)]))


def total(address: str, name: str) -> int:
    """The sum of a metric's minutes."""
    times = [time.strftime("%Y-%m-%d %H%M", time.gmtime(time.time() + at)) for at in (-300, 600)]
    variables = {
        "expression": name,
        "entity": {
            "serviceName": "shop",
            "normal": True,
            "serviceInstanceName": "shop-0",
            "destServiceName": "shop",
            "destNormal": True,
            "destServiceInstanceName": "shop-0",
            "processName": "a",
            "destProcessName": "b",
        },
        "duration": {"start": times[0], "end": times[1], "step": "MINUTE"},
    }
    answer = ask(address, TOTAL, variables)["execExpression"]
    found = (value["value"] for each in answer["results"] for value in each["values"])
    return sum(int(value) for value in found if value is not None)


def counted(address: str, name: str) -> bool:
    """Whether it happened, once."""
    return bool(httpx.get(f"{address}/status").json().get(name) == 1)


def test_no_sample_is_lost_or_doubled(backend: tuple[str, str], rules: Path) -> None:
    """Senders never stop; the sums of the old metric and of the new are what was acknowledged."""
    agents, http = backend
    with ThreadPoolExecutor(SENDERS) as pool:
        sending = [pool.submit(send, agents, REPORTS) for _ in range(SENDERS)]
        rules.write_text(RULES.replace("SUM", "SUX") % "before")
        wait("the refusal", lambda: counted(http, "rules_refused_total"))
        rules.write_text(RULES % "after")
        wait("the reload", lambda: counted(http, "rules_reloaded_total"))
        sending += [pool.submit(send, agents, REPORTS) for _ in range(SENDERS)]
        for each in sending:
            each.result()

    sent = 2 * SENDERS * REPORTS
    wait("all of it", lambda: total(http, "p_before") + total(http, "p_after") >= sent)
    assert sent == total(http, "p_before") + total(http, "p_after")
    assert total(http, "p_after") >= SENDERS * REPORTS // 2
