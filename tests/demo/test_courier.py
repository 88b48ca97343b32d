"""
The demo's courier: a program of the pod that SkyWalking's own agent traces, and its samples.

What it was answered is known from the shop's own text; its trace is the SkyWalking agent's.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.test_demo import Running, running
from demo.test_shopkeeper import traces, wait
from podwire.demo.rules import COURIER, INSTANCE, ORDERS, SERVICE
from podwire.demo.skywalking import installed
from podwire.wire.graphql import ask

pytestmark = pytest.mark.root
RECORDS = """
query ($name: String!, $entity: Entity!, $duration: Duration!) {
  readRecords(
    condition: { name: $name, parentEntity: $entity, topN: 20, order: DES }, duration: $duration
  ) { name id value }
}
"""
TRACE = """
query ($trace: ID!) {
  queryTrace(traceId: $trace) {
    spans { type peer serviceCode attachedEvents { event tags { key value } } }
  }
}
"""
CASES = {
    "/orders/1/slow": ("slow", '{"order": "/orders/1/slow", "lines": ["tea", "bread"'),
    "/lost/2": ("status_4xx", '{"error": "nobody has seen this order"}'),
    "/orders/3/broken": ("status_5xx", '{"error": "the order book has a page missing"}'),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An evening with a courier."""
    with evening(tmp_path_factory.mktemp("courier")) as found:
        yield found


@contextmanager
def evening(folder: Path) -> Iterator[Running]:
    """A demo whose courier has been let in."""
    installed()
    with running(folder / "log") as found:
        wait(lambda: bool(found.said("a courier asks")))
        yield found


def records(address: str, reason: str, path: str) -> list[dict[str, Any]]:
    """Sampled requests for a path, from the courier to the orders."""
    end = {"serviceName": SERVICE, "normal": True, "serviceInstanceName": INSTANCE}
    entity = {**end, "processName": COURIER}
    entity |= {f"dest{key[0].upper()}{key[1:]}": value for key, value in end.items()}
    entity["destProcessName"] = ORDERS
    start, end_s = (
        time.strftime("%Y-%m-%d %H%M", time.localtime(time.time() + add_s)) for add_s in (-600, 60)
    )
    duration = {"start": start, "end": end_s, "step": "MINUTE"}
    name = f"sampled_{reason}_trace_record"
    found = ask(address, RECORDS, {"name": name, "entity": entity, "duration": duration})
    return [each for each in found["readRecords"] if each["name"] == path]


def exit_span(address: str, trace: str) -> dict[str, dict[str, str]]:
    """Tags of the events at the courier's own span, by event; nothing until it has arrived."""
    spans = ask(address, TRACE, {"trace": trace})["queryTrace"]["spans"]
    found = [each for each in spans if (each["type"], each["serviceCode"]) == ("Exit", COURIER)]
    events = [event for span in found for event in span["attachedEvents"]]
    return {each["event"]: {tag["key"]: tag["value"] for tag in each["tags"]} for each in events}


@pytest.mark.parametrize("path", CASES)
def test_what_the_courier_asks_hangs_at_its_span(demo: Running, path: str) -> None:
    """Each reason has its record; the exit span shows the request and the shop's own words."""
    reason, words = CASES[path]
    wait(lambda: bool(records(demo.address, reason, path)))
    trace = records(demo.address, reason, path)[-1]["id"]
    wait(lambda: bool(exit_span(demo.address, trace)))
    shown = exit_span(demo.address, trace)

    assert shown["HTTP Request Sampling"]["data_content"].startswith(f"GET {path} HTTP/1.1\r\n")
    assert words in shown["HTTP Response Sampling"]["data_content"]


def test_the_courier_goes_with_the_shop(tmp_path: Path) -> None:
    """Ctrl-C ends it with all others."""
    with evening(tmp_path) as demo:
        demo.process.send_signal(signal.SIGINT)

        assert 0 == demo.process.wait(60)
        assert [] == traces(demo.name)
