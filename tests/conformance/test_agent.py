"""
Our agent, with the real kernel, in the place of a Rover (contract 8.2).

The backend is a strict one that refuses what OAP would refuse; the server's own count is the truth.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from conformance.conftest import free_port
from conformance.strict import Strict, strict_backend
from conformance.target import wait

pytestmark = pytest.mark.root

ROOT = Path(__file__).parents[2]
HEARTBEAT_S = 0.4
REQUESTS = 100


class Node:
    """An agent that watches one server, and the backend it reports to."""

    def __init__(self, strict: Strict, port: int) -> None:
        self.strict = strict
        self.port = port

    def task(self, *, seconds: int = 600, process_ids: str = "", start_ms: int = 0) -> str:
        """Order a task as OAP writes it, or a longer one under the same start; its start."""
        now_ms = int(time.time() * 1000)
        told = {
            "TaskId": "task-1",
            "ProcessId": process_ids or self.strict.reported["server"],
            "TaskUpdateTime": str(now_ms),
            "TriggerType": "FIXED_TIME",
            "TargetType": "NETWORK",
            "TaskStartTime": str(start_ms or now_ms),
            "ExtensionConfigJSON": "null",
            "FixedTriggerDuration": str(seconds),
        }
        with self.strict.lock:
            self.strict.tasks[:] = [told]
        return told["TaskStartTime"]

    def drive(self) -> None:
        """A hundred requests, one second long."""
        command = [sys.executable, "-m", "bench.traffic", "client", str(self.port)]
        done = subprocess.run(
            [*command, str(REQUESTS), "1"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert REQUESTS == int(done.stdout)

    def requests(self) -> int:
        """What the agent reported of the server's requests."""
        return round(self.strict.sums["rover_net_p_http1_request_counter"])

    def wait_polls(self, count: int) -> None:
        """Until the agent has asked so many times more; it reports as often."""
        target = len(self.strict.polls) + count
        wait(f"{count} more polls", lambda: len(self.strict.polls) >= target)

    def wait_requests(self, count: int) -> None:
        """Until so many are known, at least."""
        wait(f"{count} requests", lambda: self.requests() >= count)

    def settled(self) -> int:
        """The requests that are known once all that were sent have been reported."""
        while (before := self.requests()) != self._after(10):
            assert before < 100 * REQUESTS
        return before

    def _after(self, polls: int) -> int:
        self.wait_polls(polls)
        return self.requests()

    def is_measuring(self) -> bool:
        """Whether a request that is sent now is reported."""
        self.drive()
        return bool(self.settled())

    def sent(self) -> int:
        """How many streams of meters it has opened."""
        return self.strict.calls.count("collectBatch")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One agent for the file; nothing that it says may be a fault."""
    port, folder = free_port(), tmp_path_factory.mktemp("agent")
    server = [sys.executable, "-m", "bench.traffic", "server", str(port)]
    rule = {"service": "strict", "instance": "node-0", "process": "server", "layer": "K8S_SERVICE"}
    rule |= {"command_line": f"bench.traffic server {port}$"}
    intervals = {"heartbeat_interval_s": HEARTBEAT_S, "scan_interval_s": 0.2}
    intervals |= {"poll_interval_s": 0.2, "report_interval_s": 0.3}
    with strict_backend() as (address, strict):
        config = folder / "agent.yaml"
        config.write_text(yaml.safe_dump({"agent": {"hosts": [rule], **intervals}}))
        agent = [sys.executable, "-m", "podwire.cli", "agent", "--config", str(config)]
        watched = subprocess.Popen(server, stdout=subprocess.PIPE, cwd=ROOT)
        assert watched.stdout
        watched.stdout.readline()
        running = subprocess.Popen([*agent, "--backend", address])
        try:
            wait("the service", lambda: strict.services)
            yield Node(strict, port)
        finally:
            running.terminate()
            watched.kill()
            running.wait(60)
            watched.communicate()
    assert [] == strict.faults


def test_a_process_is_reported_then_kept_alive(node: Node) -> None:
    """Only a heartbeat makes a service in OAP."""
    calls = [name for name in node.strict.calls if name in ("reportProcesses", "keepAlive")]

    assert ["reportProcesses", "keepAlive"] == calls[:2]
    assert {"strict"} == node.strict.services
    assert 1 == len(node.strict.agents)


def test_every_tenth_heartbeat_is_a_report(node: Node) -> None:
    """And that tick has no heartbeat."""
    node.strict.calls.clear()
    wait("two full reports", lambda: node.strict.calls.count("reportProcesses") == 2)

    calls = [name for name in node.strict.calls if name in ("reportProcesses", "keepAlive")]
    first, second = (at for at, name in enumerate(calls) if name == "reportProcesses")
    assert ["keepAlive"] * 9 == calls[first + 1 : second]


def test_without_a_task_nothing_is_sent(node: Node) -> None:
    """Streams are opened when there is something to send."""
    node.drive()
    node.wait_polls(5)

    assert 0 == node.sent()


def test_a_task_is_run_and_every_request_reported_as_increases(node: Node) -> None:
    """Equal to what was sent, in several reports, without a fault."""
    node.task()
    wait("measuring", node.is_measuring)
    before, sent = node.settled(), node.sent()
    node.drive()
    node.wait_requests(before + REQUESTS)

    assert before + REQUESTS == node.settled()
    assert node.sent() > sent + 1
    assert [] == node.strict.faults


def test_an_extension_with_other_ids_goes_on_with_the_same_task(node: Node) -> None:
    """OAP may name a process that is gone, or one more; nothing is counted twice."""
    before = node.settled()
    (told,) = node.strict.tasks
    both = f"{node.strict.reported['server']},{'0' * 64}"
    node.task(seconds=1200, process_ids=both, start_ms=int(told["TaskStartTime"]))
    newest = int(node.strict.tasks[0]["TaskUpdateTime"])
    wait("the extension", lambda: node.strict.polls[-1] == newest)
    node.drive()
    node.wait_requests(before + REQUESTS)

    assert before + REQUESTS == node.settled()


def test_a_task_ends_when_it_says(node: Node) -> None:
    """Without being told."""
    (told,) = node.strict.tasks
    start_ms = int(told["TaskStartTime"])
    seconds = int(time.time() - start_ms / 1000) + 2
    node.task(seconds=seconds, start_ms=start_ms)
    wait("its end", lambda: time.time() > start_ms / 1000 + seconds + 1)
    before = node.settled()
    node.drive()

    assert before == node.settled()
