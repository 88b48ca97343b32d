"""
The whole river, measured: start, memory, the agent's CPU as traffic grows, freshness.

In: a stage.  Out: rows. Agent CPU is a ratio of two rates in one run; freshness is the time from a
client's last answered request to a GraphQL answer that holds it.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.row import Row
from bench.stage import INSTANCE, SERVICE, Stage, cpu_s, create_task, free_port, rss_mb, stage, wait
from podwire.model.process import UNKNOWN_LOCAL
from podwire.wire.graphql import ask

MARKER = "-m bench.traffic server"
RATES = (100.0, 1000.0)
SECONDS = 10.0

COUNT = """
query ($expression: String!, $entity: Entity!, $duration: Duration!) {
  execExpression(expression: $expression, entity: $entity, duration: $duration) {
    results { values { value } }
  }
}
"""


def rows() -> list[Row]:
    """Everything about the whole."""
    port = free_port()
    with _traffic("server", str(port)) as server, stage(MARKER) as here:
        assert server.stdout
        server.stdout.readline()
        found = [
            Row("backend: start to first answer", f"{here.backend_start_s:.1f} s"),
            Row("agent: start to its instance being listed", f"{here.agent_start_s:.1f} s"),
            Row("backend: RSS, idle", f"{rss_mb(here.backend):.0f} MB"),
            Row("agent: RSS, no task", f"{rss_mb(here.agent):.0f} MB"),
        ]
        create_task(here.address)
        found += _agent_cpu(here, port)
        found += _freshness(here, port)
        return [
            *found,
            Row("backend: RSS, after the traffic", f"{rss_mb(here.backend):.0f} MB"),
            Row("agent: RSS, task running", f"{rss_mb(here.agent):.0f} MB"),
        ]


@contextmanager
def _traffic(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "bench.traffic", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _client(port: int, rate: float, seconds: float) -> int:
    command = [sys.executable, "-m", "bench.traffic", "client", str(port), str(rate), str(seconds)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _agent_cpu(here: Stage, port: int) -> Iterator[Row]:
    shares = []
    for rate in RATES:
        _client(port, rate, 2)
        before_s, start_s = cpu_s(here.agent), time.monotonic()
        sent = _client(port, rate, SECONDS)
        share = (cpu_s(here.agent) - before_s) / (time.monotonic() - start_s)
        shares.append(share)
        note = f"{sent} exchanges, the server is watched"
        yield Row(f"agent: CPU at {rate:.0f} requests/s", f"{share:.1%} of a core", note)
    yield Row("agent: CPU at 10x over 1x", f"{shares[1] / shares[0]:.2f}", "1.0 is independent")


def _freshness(here: Stage, port: int) -> Iterator[Row]:
    waits = []
    for _ in range(5):
        before = total(here.address)
        sent = _client(port, 50, 0.1)
        answered_s = time.monotonic()
        wait(
            "the last request",
            lambda before=before, sent=sent: total(here.address) >= before + sent,
        )
        waits.append(time.monotonic() - answered_s)
    waits.sort()
    text = f"{waits[0]:.1f} / {waits[2]:.1f} / {waits[-1]:.1f} s"
    yield Row("freshness: last byte to GraphQL answer, min/median/max", text, "drains every 2 s")


def total(address: str) -> int:
    """Requests that the backend has counted in the last ten minutes, over GraphQL."""
    now_s = time.time()
    duration = {
        "start": time.strftime("%Y-%m-%d %H%M", time.localtime(now_s - 600)),
        "end": time.strftime("%Y-%m-%d %H%M", time.localtime(now_s + 60)),
        "step": "MINUTE",
    }
    entity = {
        "serviceName": SERVICE,
        "normal": True,
        "serviceInstanceName": INSTANCE,
        "processName": UNKNOWN_LOCAL,
        "destServiceName": SERVICE,
        "destNormal": True,
        "destServiceInstanceName": INSTANCE,
        "destProcessName": "server",
    }
    expression = "process_relation_http1_request_cpm"
    variables = {"expression": expression, "entity": entity, "duration": duration}
    results: Sequence[dict[str, list[dict[str, str | None]]]] = ask(address, COUNT, variables)[
        "execExpression"
    ]["results"]
    return sum(int(value["value"] or 0) for result in results for value in result["values"])
