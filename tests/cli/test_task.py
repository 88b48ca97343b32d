"""`podwire task` towards a backend that is not ours."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from podwire.model.identity import service_id

UNKNOWN = (
    "Variable 'request' has an invalid value: The variables input contains a field name 'serviceId'"
    " that is not defined for input object type 'EBPFProfilingNetworkTaskRequest'"
)


class Oap(BaseHTTPRequestHandler):
    """Knows one service, and no task of a whole one; its words are those of graphql-java."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = {"data": {"listServices": [{"id": service_id("shop"), "name": "shop"}]}}
        refused = {"errors": [{"message": UNKNOWN}]}
        body = json.dumps(known if "listServices" in asked["query"] else refused).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def oap() -> Iterator[str]:
    """Its address."""
    with HTTPServer(("127.0.0.1", 0), Oap) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def create(address: str, service: str) -> str:
    """What `task create` of a whole service says when it is refused."""
    command = (sys.executable, "-m", "podwire.cli", "task", "create", "--service", service)
    done = subprocess.run((*command, "--address", address), capture_output=True, text=True)
    assert 1 == done.returncode, done.stderr
    return done.stderr.strip()


def test_another_s_backend_wants_an_instance(oap: str) -> None:
    """Said in words of the command's own options."""
    assert create(oap, "shop").endswith("this backend watches single instances: give --instance")


def test_a_service_that_is_not_there_is_named_with_those_that_are(oap: str) -> None:
    """Before anything is asked for."""
    assert "there is no service 'shelf'; there are: shop" in create(oap, "shelf")
