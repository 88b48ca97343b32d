"""What a real agent said is said again to another backend, and both answer alike."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.stage import INSTANCE, SERVICE, create_task, free_port, program, wait

from conformance import test_meters as meters
from conformance.rover import Rover
from conformance.target import Target, window
from journey.test_replay import recorder, replay, started

pytestmark = pytest.mark.root

ROOT = Path(__file__).parents[2]
REQUESTS = 200

METRICS = (
    "process_relation_http1_request_cpm",
    "process_relation_http1_server_duration_percentile",
    "process_relation_server_write_total_bytes",
    "process_relation_server_read_avg_exe_time",
)


def known(target: Target) -> dict[str, Any]:
    """The edge of the server: what its metrics say, and the topology."""
    rover = Rover(target, service=SERVICE, instance=INSTANCE)
    topology = target.ask(meters.TOPOLOGY, instance=rover.instance_id, duration=window(60))
    return {
        "calls": sorted(str(call) for call in topology["calls"]),
        "nodes": sorted(str(node) for node in topology["nodes"]),
        "metrics": [meters.values(rover, each, "UNKNOWN_LOCAL", "server") for each in METRICS],
    }


def requests(target: Target) -> int:
    """How many requests a backend knows of."""
    found: dict[str, list[str]] = known(target)["metrics"][0]
    return sum(map(int, found.get("", [])))


def drive(port: int) -> None:
    """Two hundred requests in a second."""
    command = [sys.executable, "-m", "bench.traffic", "client", str(port), str(REQUESTS), "1"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def is_measured(target: Target, port: int) -> bool:
    """Whether requests that are sent now are counted."""
    drive(port)
    return requests(target) > 0


@pytest.fixture
def server() -> Iterator[int]:
    """The port of the server that is watched."""
    port = free_port()
    command = [sys.executable, "-m", "bench.traffic", "server", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    yield port
    process.kill()
    process.communicate()


def test_a_real_agents_recording_gives_the_same_answers(tmp_path: Path, server: int) -> None:
    """
    Every request that the first backend knows, in the same minutes, with the same bytes.

    What is known of the last window is read anew each time: a backend writes a moment later.
    """
    path, config = tmp_path / "agent.rec", tmp_path / "agent.json"
    rule = {"service": SERVICE, "instance": INSTANCE, "process": "server", "layer": "K8S_SERVICE"}
    rule |= {"command_line": f"bench.traffic server {server}$"}
    config.write_text(json.dumps({"agent": {"hosts": [rule]}}))
    with started(tmp_path, "first") as first, started(tmp_path, "second") as second:
        with (
            recorder(path, first[0]) as line,
            program("agent", "--backend", line, "--config", str(config)),
        ):
            create_task(f"http://{first[1]}")
            wait("measuring", lambda: is_measured(asked(first), server))
            before = requests(asked(first))
            drive(server)
            wait("every request", lambda: requests(asked(first)) >= before + REQUESTS)
        assert 0 == replay(path, second[0], "--speed", "50").returncode
        wait("all of it again", lambda: known(asked(second)) == known(asked(first)), 60)


def asked(addresses: tuple[str, str]) -> Target:
    """Only over HTTP: a process with a line of gRPC's own must not fork."""
    return Target(*addresses, None)  # type: ignore[arg-type]
