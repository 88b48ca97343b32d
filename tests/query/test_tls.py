"""
What of TLS was read: from an agent's flows through the shipped rules to the answer.

Only storage is played: minutes come back as the rules made them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mal.edges import network_profiling
from podwire.agent.named import Named
from podwire.agent.report import collections
from podwire.model.flow import Flow, FlowKey, Peer, Protocol, Role, Tls
from podwire.model.metric import Side
from podwire.model.process import Entity
from podwire.model.tls import WORDS, Library, Reason
from podwire.model.topology import Edge, Point

from .asking import INSTANCE, Asking

pytestmark = pytest.mark.asyncio

TLS = """query ($instance: ID!) {
  tlsCoverage(
    serviceInstanceId: $instance, duration: {start: "1970-01-01", end: "1970-01-01", step: DAY}
  ) { source target side connections readable unread { library reason why remedy connections } }
}"""
SHOP = Entity(layer="K8S_SERVICE", service="shop", instance="pod-0", process="shop")
SERVER = Library("/lib/libssl.so.3", "OpenSSL 3")
RUST = Library("/app", "rustls 0.23.46", Reason.INLINED)
Libraries = Mapping[int, Sequence[Library]]


def flow(connections: int, readable: int = 0, *, pid: int = 1) -> Flow:
    key = FlowKey(pid, "10.0.0.1", Peer("10.0.0.7", 443), Role.CLIENT, Protocol.UNKNOWN, tls=True)
    return Flow(key, {}, tls=Tls(connections, readable))


async def coverage(ask: Asking, libraries: Libraries, *flows: Flow) -> list[dict[str, Any]]:
    """The answer when an agent reports these flows."""
    named = {1: Named(SHOP, "p1"), 2: Named(SHOP, "p1")}
    reports = collections(flows, named, near=(), timestamp_ms=61_000, libraries=libraries)
    for each in reports:
        for one in network_profiling().analyze(each).partials:
            point = Point(one.minute_s, one.side, one.total, one.count, one.table)
            ask.rows.found.setdefault(one.metric, []).append(point)
            source, _, target = one.entity.partition("-")
            ask.rows.seen = [Edge(source, target, Side.CLIENT, 130)]
    rows: list[dict[str, Any]] = (await ask.data(TLS, instance=INSTANCE))["tlsCoverage"]
    return rows


def of(library: str, reason: Reason, connections: int) -> dict[str, Any]:
    words = {"why": WORDS[reason].why, "remedy": WORDS[reason].remedy}
    return {"library": library, "reason": reason.value, **words, "connections": connections}


async def test_an_edge_that_is_read_has_nothing_unread(ask: Asking) -> None:
    """Every connection is counted, and every one was read."""
    (row,) = await coverage(ask, {1: [SERVER]}, flow(7, 7))
    assert (7, 7, []) == (row["connections"], row["readable"], row["unread"])
    assert "CLIENT" == row["side"]


async def test_an_unread_connection_has_a_reason_and_a_remedy(ask: Asking) -> None:
    """Those of its process's library."""
    (row,) = await coverage(ask, {1: [RUST]}, flow(2))
    assert (2, 0) == (row["connections"], row["readable"])
    assert [of("rustls 0.23.46", Reason.INLINED, 2)] == row["unread"]


async def test_two_processes_of_one_name_each_have_their_reason(ask: Asking) -> None:
    """What was read is taken from where it could be read."""
    flows = flow(3, 2), flow(4, pid=2)
    (row,) = await coverage(ask, {1: [SERVER], 2: [RUST]}, *flows)
    assert (7, 2) == (row["connections"], row["readable"])
    assert row["unread"] == [
        of("OpenSSL 3", Reason.SILENT, 1),
        of("rustls 0.23.46", Reason.INLINED, 4),
    ]


async def test_a_process_that_shows_no_library_is_said_to_show_none(ask: Asking) -> None:
    """And one that nobody looked into yet is another matter."""
    flows = flow(1), flow(2, pid=2)
    (row,) = await coverage(ask, {1: []}, *flows)
    assert [of("unknown", Reason.UNKNOWN, 1), of("unknown", Reason.UNSEEN, 2)] == row["unread"]


async def test_a_reason_of_a_newer_agent_is_an_unknown_one(ask: Asking) -> None:
    """An answer, not an error."""
    ask.rows.seen = [Edge("p1", "p2", Side.CLIENT, 130)]
    table = {"{library=x,reason=of_tomorrow}": 3}
    point = Point(60, Side.CLIENT, 0, 0, table)
    ask.rows.found["process_relation_tls_connections"] = [point]
    (row,) = (await ask.data(TLS, instance=INSTANCE))["tlsCoverage"]
    assert [of("x", Reason.UNKNOWN, 3)] == row["unread"]


async def test_a_plain_edge_is_not_asked_for(ask: Asking) -> None:
    """Storage is spared where there is no TLS."""
    ask.rows.seen = [Edge("p1", "p2", Side.CLIENT, 49)]
    assert [] == (await ask.data(TLS, instance=INSTANCE))["tlsCoverage"]
    assert [] == ask.rows.questions


async def test_one_edge_can_be_asked_for(ask: Asking) -> None:
    """Storage is asked for that one alone."""
    ask.rows.seen = [Edge("p1", f"p{number}", Side.CLIENT, 130) for number in (2, 3)]
    ask.rows.found["process_relation_tls_readable"] = [Point(60, Side.CLIENT, 1, 0, {})]
    one = TLS.replace("step: DAY}", 'step: DAY}, source: "p1", target: "p3"')
    rows = (await ask.data(one, instance=INSTANCE))["tlsCoverage"]
    assert [("p1", "p3", 1)] == [(row["source"], row["target"], row["readable"]) for row in rows]
    assert 1 == len(ask.rows.questions)
