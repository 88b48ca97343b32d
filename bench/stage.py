"""
A backend and an agent as real programs on free ports, for benchmarks of the whole.

In: nothing.  Out: their pids, their address, and how long they took to start.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from podwire.app.programs import die_with_parent
from podwire.model.identity import instance_id, service_id
from podwire.wire.graphql import Refused, Unanswered, ask

SERVICE, INSTANCE = "bench", "bench-0"
CREATE = """
mutation ($request: EBPFProfilingNetworkTaskRequest!) {
  createEBPFNetworkProfiling(request: $request) { status errorReason id }
}
"""
TASKS = """
query ($serviceId: ID) {
  queryEBPFProfilingTasks(serviceId: $serviceId, targets: [NETWORK]) { taskId }
}
"""
KEEP = """
mutation ($taskId: ID!) { keepEBPFNetworkProfiling(taskId: $taskId) { status errorReason } }
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is running."""

    address: str
    grpc: str
    backend: psutil.Process
    agent: psutil.Process
    backend_start_s: float
    agent_start_s: float
    """From the agent's start to its process being known to the backend."""

    status: Path
    """Where the agent writes what it counts of itself."""

    def is_measuring(self) -> bool:
        """Whether the agent has taken up a task."""
        try:
            totals: dict[str, int] = json.loads(self.status.read_text())
        except FileNotFoundError:
            return False
        return totals.get("process_watched", 0) > 0


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait(what: str, is_true: Any, timeout_s: float = 60) -> float:
    """Poll until true; the seconds it took. Raises TimeoutError naming what did not come."""
    start_s = time.monotonic()
    while time.monotonic() < start_s + timeout_s:
        try:
            if is_true():
                return time.monotonic() - start_s
        except (Unanswered, Refused, httpx.HTTPError):
            pass
        time.sleep(0.02)
    raise TimeoutError(what)


@contextmanager
def program(*arguments: str) -> Iterator[psutil.Process]:
    """A `podwire` program until the context is left."""
    command = [sys.executable, "-m", "podwire.cli", *arguments]
    process = subprocess.Popen(command, preexec_fn=die_with_parent)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def stage(marker: str, *, of: str = "command_line") -> Iterator[Stage]:
    """Backend and agent; the processes whose command line (or cgroup) matches are watched."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grpc, http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        config = folder / "podwire.json"
        rule = {"service": SERVICE, "instance": INSTANCE, "process": "server"}
        rule |= {"layer": "K8S_SERVICE", of: marker}
        config.write_text(json.dumps({"agent": {"hosts": [rule]}}))
        address = f"http://{http}"
        with program(
            "backend", "--grpc", grpc, "--http", http, "--storage", f"chdb://{folder}/store"
        ) as backend:
            backend_start_s = wait("the backend", lambda: ask(address, "{ version }"))
            status = folder / "agent.json"
            options = ("--config", str(config), "--status", str(status))
            with program("agent", "--backend", grpc, *options) as agent:
                agent_start_s = wait("the instance", lambda: _is_known(address))
                yield Stage(address, grpc, backend, agent, backend_start_s, agent_start_s, status)


def _is_known(address: str) -> bool:
    return bool(ask(address, "{ listServices { id } }")["listServices"])


def create_task(address: str) -> None:
    """Watch the instance; refused until its processes are known."""
    request = {"instanceId": instance_id(service_id(SERVICE), INSTANCE), "samplings": []}

    def is_created() -> bool:
        answer = ask(address, CREATE, {"request": request})
        return bool(answer["createEBPFNetworkProfiling"]["status"])

    wait("the task", is_created)


def keep_task(address: str) -> None:
    """Let the task run ten minutes longer; refused, and not needed, until its last minute."""
    found = ask(address, TASKS, {"serviceId": service_id(SERVICE)})["queryEBPFProfilingTasks"]
    for task in found:
        ask(address, KEEP, {"taskId": task["taskId"]})


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds a process has used, kernel and user."""
    times = process.cpu_times()
    return float(times.user + times.system)


def rss_mb(process: psutil.Process) -> float:
    """Resident memory, in MB."""
    return float(process.memory_info().rss) / 1e6
