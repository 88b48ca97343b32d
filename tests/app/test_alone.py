"""`podwire agent` goes on as a process that never held a command line."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.stage import wait

from podwire.app.alone import ENVIRONMENT

pytestmark = pytest.mark.root

NOBODY = {"service": "nobody", "command_line": "^no such program$"}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """An agent that has begun to write its totals; more than its limit, and nobody listens."""
    config, status = tmp_path / "podwire.json", tmp_path / "status.json"
    settings = {"hosts": [NOBODY], "backend": "127.0.0.1:9", "memory_limit_mb": 1}
    config.write_text(json.dumps({"agent": settings}))
    command = [sys.executable, "-m", "podwire.cli", "agent"]
    process = subprocess.Popen([*command, "--config", str(config), "--status", str(status)])
    try:
        wait("the agent", status.exists)
        yield process
    finally:
        process.kill()
        process.wait()


def test_what_reads_options_is_not_in_the_agent(agent: "subprocess.Popen[bytes]") -> None:
    """The process that was started has none of it, and ends in order when it is asked to."""
    mapped = Path(f"/proc/{agent.pid}/maps").read_text()
    assert "cygrpc" in mapped  # it is the agent
    assert "pydantic" not in mapped

    agent.send_signal(signal.SIGTERM)
    assert 0 == agent.wait(60)


def test_memory_is_given_back_as_the_environment_says(agent: "subprocess.Popen[bytes]") -> None:
    """The C library reads its limits when a process starts, and only then."""
    told = Path(f"/proc/{agent.pid}/environ").read_text().split("\0")

    assert {f"{name}={value}" for name, value in ENVIRONMENT.items()} <= set(told)


def test_its_own_memory_is_looked_at(agent: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    """What it takes by the kernel's account is over this limit: it sheds, and counts that."""

    def pauses() -> int:
        return int(json.loads((tmp_path / "status.json").read_text())["sampling_paused_total"])

    wait("a pause of sampling", pauses)
    assert 1 == pauses()
