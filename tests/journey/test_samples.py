"""
The slow and failed requests of a program that the real SkyWalking agent instruments.

The server keeps every byte it got and sent: that is what the samples are compared with.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bench.stage import INSTANCE, SERVICE, Stage, stage, wait

from podwire.demo.skywalking import installed
from podwire.model.identity import instance_id, service_id
from podwire.wire.graphql import ask

pytestmark = pytest.mark.root

CREATE = """
mutation ($request: EBPFProfilingNetworkTaskRequest!) {
  createEBPFNetworkProfiling(request: $request) { status errorReason }
}
"""
RECORDS = """
query ($name: String!, $entity: Entity!, $duration: Duration!) {
  readRecords(
    condition: { name: $name, parentEntity: $entity, topN: 10, order: DES }, duration: $duration
  ) { name id value refId }
}
"""
TRACE = """
query ($trace: ID!) {
  queryTrace(traceId: $trace) {
    spans {
      type peer component serviceCode
      attachedEvents { event tags { key value } }
    }
  }
}
"""
RULE = {
    "minDuration": 200,
    "when4xx": True,
    "when5xx": True,
    "settings": {"requireCompleteRequest": True, "requireCompleteResponse": True},
}
ANSWERS = {"/slow": "200 OK", "/missing": "404 Not Found", "/broken": "500 Broken"}
KINDS = {
    "/slow": "sampled_slow_trace_record",
    "/missing": "sampled_status_4xx_trace_record",
    "/broken": "sampled_status_5xx_trace_record",
}


class Server:
    """Answers one request a connection and keeps both messages by path."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, bytes]] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += connection.recv(65536)
                path = asked.split(b" ")[1].decode()
                if path == "/slow":
                    time.sleep(0.3)  # slower than the rule allows
                body = json.dumps({"path": path, "tea": "☕" * 500}).encode()
                head = f"HTTP/1.1 {ANSWERS[path]}\r\nContent-Type: application/json; charset=utf-8"
                answer = f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
                self.kept[path] = (asked, answer)
                connection.sendall(answer)


@pytest.fixture(scope="module")
def skywalking() -> Path:
    """A folder with SkyWalking's own agent, installed once."""
    return installed()


@contextmanager
def caller(skywalking: Path, *enter: str) -> Iterator["subprocess.Popen[str]"]:
    """The instrumented program; killed in the end, for SkyWalking's threads would go on."""
    with subprocess.Popen(
        [*enter, sys.executable, str(Path(__file__).parent / "caller.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(skywalking)},
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.fixture(scope="module")
def place(skywalking: Path) -> Iterator[tuple[Stage, Server]]:
    """Backend, agent, the instrumented caller under a task with a rule, and its three requests."""
    server = Server()
    with caller(skywalking) as asking, stage(r"journey/caller\.py") as running:
        assert "ready" == tell(asking, running.grpc)
        wait("a task", lambda: create(running.address))
        wait("the task taken up", running.is_measuring)
        for path in ANSWERS:
            told = json.loads(tell(asking, f"http://127.0.0.1:{server.port}{path}"))
            assert ANSWERS[path].startswith(str(told["status"]))
        yield running, server


def tell(caller: "subprocess.Popen[str]", line: str) -> str:
    """One line to the caller and its answer."""
    assert caller.stdin
    assert caller.stdout
    caller.stdin.write(f"{line}\n")
    caller.stdin.flush()
    return caller.stdout.readline().strip()


def create(address: str) -> bool:
    """Start a task; refused until the caller is known."""
    request = {"instanceId": instance_id(service_id(SERVICE), INSTANCE), "samplings": [RULE]}
    answer = ask(address, CREATE, {"request": request})["createEBPFNetworkProfiling"]
    return bool(answer["status"])


def records(address: str, name: str) -> list[dict[str, Any]]:
    """Sampled requests from the caller to whoever listens on this host."""
    end = {"serviceName": SERVICE, "normal": True, "serviceInstanceName": INSTANCE}
    entity = {**end, "processName": "server"}
    entity |= {f"dest{key[0].upper()}{key[1:]}": value for key, value in end.items()}
    entity["destProcessName"] = "UNKNOWN_LOCAL"
    now = time.strftime("%Y-%m-%d %H%M", time.localtime(time.time() + 60))
    since = time.strftime("%Y-%m-%d %H%M", time.localtime(time.time() - 600))
    duration = {"start": since, "end": now, "step": "MINUTE"}
    variables = {"name": name, "entity": entity, "duration": duration}
    found: list[dict[str, Any]] = ask(address, RECORDS, variables)["readRecords"]
    return found


@pytest.mark.parametrize("path", ANSWERS)
def test_a_picked_request_is_a_record(place: tuple[Stage, Server], path: str) -> None:
    """In the list of its reason and in no other, with the trace that the SkyWalking agent made."""
    running, _ = place
    wait(f"the record of {path}", lambda: records(running.address, KINDS[path]), 60)

    (record,) = records(running.address, KINDS[path])
    assert path == record["name"]
    assert record["id"] == record["refId"]
    assert len(record["id"]) > 20
    assert (int(record["value"]) >= 300) == (path == "/slow")


@pytest.mark.parametrize("path", ANSWERS)
def test_the_exit_span_shows_the_bytes(place: tuple[Stage, Server], path: str) -> None:
    """Request and response hang at the span that asked, exactly as the server kept them."""
    running, server = place
    wait(f"the record of {path}", lambda: records(running.address, KINDS[path]), 60)
    trace = records(running.address, KINDS[path])[0]["id"]
    wait("the span", lambda: spans(running.address, trace), 60)
    (span,) = spans(running.address, trace)

    assert ("Exit", f"127.0.0.1:{server.port}", "caller") == (
        span["type"],
        span["peer"],
        span["serviceCode"],
    )
    shown = {
        event["event"]: {tag["key"]: tag["value"] for tag in event["tags"]}
        for event in span["attachedEvents"]
    }
    asked, answered = server.kept[path]
    assert asked.decode() == shown["HTTP Request Sampling"]["data_content"]
    assert answered.decode() == shown["HTTP Response Sampling"]["data_content"]
    assert "data_raw" not in shown["HTTP Response Sampling"]


def spans(address: str, trace: str) -> list[dict[str, Any]]:
    """The trace, once the SkyWalking agent has reported it."""
    found: list[dict[str, Any]] = ask(address, TRACE, {"trace": trace})["queryTrace"]["spans"]
    return found


def test_whoever_read_the_bytes_is_in_the_audit(place: tuple[Stage, Server]) -> None:
    """The command line lists the address that asked, and the trace that it read."""
    running, _ = place
    wait("a record", lambda: records(running.address, KINDS["/slow"]), 60)
    trace = records(running.address, KINDS["/slow"])[0]["id"]
    wait("the span", lambda: spans(running.address, trace), 60)
    options = ("--address", running.address, "--output", "json")
    command = [sys.executable, "-m", "podwire.cli", "audit", *options]
    entries = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    assert ("127.0.0.1", "read_sample", trace) in {
        (each["who"], each["act"], each["subject"]) for each in entries
    }
