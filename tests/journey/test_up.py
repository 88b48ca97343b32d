"""`podwire up` keeps both halves running, whatever kills one, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import yaml
from bench.stage import create_task, free_port, wait
from bench.whole import total

from podwire.wire.graphql import ask

pytestmark = pytest.mark.root

ROOT = Path(__file__).parents[2]


@contextmanager
def server(port: int) -> Iterator[None]:
    """The one process that is to be watched."""
    command = [sys.executable, "-m", "bench.traffic", "server", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout
    process.stdout.readline()
    yield
    process.kill()
    process.communicate()


def drive(port: int, requests: int) -> None:
    """Send so many requests and wait for every answer."""
    command = [sys.executable, "-m", "bench.traffic", "client", str(port), "100"]
    subprocess.run([*command, str(requests / 100)], check=True, cwd=ROOT, capture_output=True)


class Up:
    """A running `podwire up` with one process to watch."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.grpc, http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.address = f"http://{http}"
        rule = {"service": "bench", "instance": "bench-0", "process": "server"}
        rule |= {"command_line": f"bench.traffic server {self.port}$", "layer": "K8S_SERVICE"}
        backend = {"grpc": self.grpc, "http": http, "storage": f"chdb://{folder}/store"}
        config = folder / "podwire.yaml"
        config.write_text(yaml.safe_dump({"backend": backend, "agent": {"hosts": [rule]}}))
        command = [sys.executable, "-m", "podwire.cli", "up", "--config", str(config)]
        self.process = psutil.Popen(command)

    def half(self, name: str) -> psutil.Process:
        """The child that runs `podwire backend` or `podwire agent`; waits until there is one."""
        found: list[psutil.Process] = []

        def is_there() -> bool:
            found[:] = [c for c in self.process.children() if name in c.cmdline()]
            return bool(found)

        wait(f"the {name}", is_there)
        return found[0]

    def requests(self) -> int:
        """How many requests the backend knows of, over GraphQL."""
        return total(self.address)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Backend and agent, ended by Ctrl-C; nothing of them may remain."""
    running = Up(tmp_path)
    try:
        wait("the backend", lambda: ask(running.address, "{ version }"))
        yield running
    finally:
        children = running.process.children()
        running.process.send_signal(signal.SIGINT)
        running.process.wait(60)
        assert [] == [child for child in children if child.is_running()]


def test_a_killed_half_comes_back_and_counting_goes_on(up: Up) -> None:
    """`kill -9` of the agent, then of the backend: the other goes on, and requests are counted."""
    with server(up.port):
        wait("the instance", lambda: ask(up.address, "{ listServices { id } }")["listServices"])
        create_task(up.address)
        wait("the first requests", lambda: counts_on(up))

        os.kill(up.half("agent").pid, signal.SIGKILL)
        wait("requests after the agent's death", lambda: counts_on(up), 90)

        os.kill(up.half("backend").pid, signal.SIGKILL)
        wait("the backend again", lambda: ask(up.address, "{ version }"))
        wait("requests after the backend's death", lambda: counts_on(up), 90)


def counts_on(up: Up) -> bool:
    """Whether requests that are sent now are counted a moment later, each exactly once."""
    before = up.requests()
    drive(up.port, 20)
    try:
        wait("new requests", lambda: up.requests() > before, 12)
    except TimeoutError:
        return False
    return True


def test_children_die_with_their_parent(tmp_path: Path) -> None:
    """Even `kill -9` of `podwire up` leaves no half running."""
    running = Up(tmp_path)
    wait("the backend", lambda: ask(running.address, "{ version }"))
    halves = [running.half("backend"), running.half("agent")]

    running.process.kill()
    running.process.wait()

    psutil.wait_procs(halves, timeout=60)
    assert [] == [half for half in halves if half.is_running()]
