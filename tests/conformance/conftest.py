"""The backend under test, for the whole session."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
import yaml

from conformance.rover import Rover
from conformance.target import Target, wait

LOG_RULE = {"layers": ["K8S_SERVICE", "MESH", "MESH_DP"], "name": "{trace_provider}-{uri}"}
"""As the end-to-end test of SkyWalking's names records (contract 7.2)."""


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """What `CONFORMANCE_TARGET` names, or a `podwire backend` of our own."""
    named = os.environ.get("CONFORMANCE_TARGET", "")
    if named:
        address, http = named.split(",")
        with grpc.insecure_channel(address) as channel:
            yield Target(address, http, channel)
        return
    address, http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    process = _start(tmp_path_factory.mktemp("backend"), address, http)
    try:
        wait("the backend", lambda: _answers(http))
        with grpc.insecure_channel(address) as channel:
            yield Target(address, http, channel)
    finally:
        process.terminate()
        process.wait(60)


def _start(folder: Path, address: str, http: str) -> subprocess.Popen[bytes]:
    rule = folder / "log.yaml"
    rule.write_text(yaml.safe_dump(LOG_RULE))
    backend = {"grpc": address, "http": http, "storage": f"chdb://{folder}/store"}
    config = folder / "podwire.yaml"
    config.write_text(yaml.safe_dump({"backend": backend | {"log_rule": str(rule)}}))
    command = [sys.executable, "-m", "podwire.cli", "backend", "--config", str(config)]
    return subprocess.Popen(command, env={**os.environ, "TZ": "UTC"})


def _answers(http: str) -> bool:
    try:
        return httpx.get(f"http://{http}/healthcheck", trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def rover(target: Target) -> Rover:
    """An agent of its own, with a service that no other test uses."""
    return Rover(target)
