"""`podwire tls`: rows of what was read and what was not, from a backend's answer."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from podwire.cli.main import app
from podwire.model.identity import instance_id, service_id

SERVICE = service_id("shop")
POD = instance_id(SERVICE, "pod-0")
UNREAD = {"library": "rustls", "reason": "inlined", "why": "w", "remedy": "r", "connections": 2}
ANSWERS = {
    "getTimeInfo": {"timezone": "+0000", "currentTimestamp": 1_795_500_000_000},
    "listServices": [{"id": SERVICE, "name": "shop"}],
    "listInstances": [{"id": POD, "name": "pod-0"}],
    "getProcessTopology": {"nodes": [{"id": "a", "name": "orders"}]},
    "tlsCoverage": [
        {"source": "a", "target": "b", "side": "CLIENT", "connections": 5, "readable": 3,
         "unread": [UNREAD]},
        {"source": "b", "target": "a", "side": "SERVER", "connections": 4, "readable": 4,
         "unread": []},
    ],
}  # fmt: skip


class Answering(BaseHTTPRequestHandler):
    """A backend that answers every question with all that it has."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"data": ANSWERS}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any, **__: Any) -> None:
        """Quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_reason_is_a_row_and_an_edge_without_one_is_a_row_too(address: str) -> None:
    """Connections are those of the edge, unread those of the reason."""
    where = ("--service", "shop", "--instance", "pod-0", "--address", address)
    done = CliRunner().invoke(app, ["tls", *where, "--output", "json"])
    assert 0 == done.exit_code, done.output
    columns = ("source", "target", "seen_by", "connections", "readable", "unread")
    rows = json.loads(done.output)
    assert [
        ("orders", "b", "client", 5, 3, 2),
        ("b", "orders", "server", 4, 4, 0),
    ] == [tuple(row[column] for column in columns) for row in rows]
    assert ("rustls", "w", "r") == tuple(rows[0][each] for each in ("library", "why", "remedy"))
