"""`podwire backend` as a program."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from podwire.wire.graphql import ask

ANYWHERE = ("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")


def test_it_says_where_it_listens(tmp_path: Path) -> None:
    """Both ports that the system chose are named, answer, and are closed by Ctrl-C."""
    command = [sys.executable, "-m", "podwire.cli", "backend", *ANYWHERE]
    storage = ("--storage", f"chdb://{tmp_path}/store")
    with subprocess.Popen([*command, *storage], stderr=subprocess.PIPE, text=True) as backend:
        assert backend.stderr
        said = backend.stderr.readline() + backend.stderr.readline()
        grpc_address, page = re.findall(r"(?:agents: |http://)(127\.0\.0\.1:\d+)", said)
        answer = ask(f"http://{page}", "{ version }", {})
        with grpc.insecure_channel(grpc_address) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            health = check(health_pb2.HealthCheckRequest(), timeout=60).status
        backend.send_signal(signal.SIGINT)
        backend.stderr.read()  # its last words need a reader

    assert re.match(r"\d+\.", answer["version"])
    assert health_pb2.HealthCheckResponse.SERVING == health
    assert 0 == backend.returncode
