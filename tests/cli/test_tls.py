"""`podwire tls`: rows of what was read and what was not, from a backend's answer."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from cli.played import answering
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


@pytest.fixture
def address() -> Iterator[str]:
    """Of a backend that answers every question with all that it has."""
    with answering(lambda _: {"data": ANSWERS}) as found:
        yield found


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


def test_a_backend_that_is_not_ours_is_named_as_such() -> None:
    """SkyWalking's own schema knows nothing of TLS coverage."""
    undefined = "Validation error (FieldUndefined@[tlsCoverage]) : Field 'tlsCoverage' is undefined"

    def answer(query: str) -> dict[str, object]:
        return {"errors": [{"message": undefined}]} if "tlsCov" in query else {"data": ANSWERS}

    with answering(answer) as address:
        where = ("--service", "shop", "--instance", "pod-0", "--address", address)
        done = CliRunner().invoke(app, ["tls", *where])
    assert 1 == done.exit_code
    assert f"the backend at {address} has no tlsCoverage: it is not podwire's" in done.output
