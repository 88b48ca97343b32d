"""
Flows become the wire's meters: names, labels, deltas, averages, buckets (contract 2).

In: flows of one drain and who the processes are.  Out: one `Collection` a service instance.
A pure function. Flows that carry the same labels are added up first: a reader weighs averages by
the counts with the same labels.
"""

from collections import Counter, defaultdict
from collections.abc import Collection as Container
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import add

from podwire.agent.fact import (
    fact_meters,
    loss_meters,
    overflow_meters,
    sum_counts,
    sum_facts,
    tls_meters,
)
from podwire.agent.named import Named
from podwire.agent.peer import Peer, peer_of
from podwire.model import bounds
from podwire.model.flow import OPERATIONS, Flow, Http, Listener, Operation, Protocol, Role, Tls
from podwire.model.meter import Collection, Histogram, Meter, Single
from podwire.model.tls import Library, Reason, blame

PREFIX = "rover_net_p"
"""Rover's meter prefix; rule files know meters by it."""

Labels = tuple[tuple[str, str], ...]

STEMS = {"rtt": "write_rtt"}
"""Operations whose name on the wire is another."""

NOTHING: Mapping[str, int] = {}
NO_LIBRARIES: Mapping[int, Sequence[Library]] = {}

PROTOCOLS = {Protocol.UNKNOWN: "unknown", Protocol.HTTP1: "http", Protocol.HTTP2: "http"}


@dataclass(frozen=True, slots=True)
class _Edge:
    """What flows are added up by: the local end's instance and all labels."""

    service: str
    instance: str
    side: str
    labels: Labels


def collections(
    flows: Iterable[Flow],
    named: Mapping[int, Named],
    *,
    near: Container[str],
    timestamp_ms: int,
    lost: Mapping[str, int] = NOTHING,
    listeners: Iterable[Listener] = (),
    libraries: Mapping[int, Sequence[Library]] = NO_LIBRARIES,
) -> list[Collection]:
    """
    What to report of a drain; flows of processes without a name are left out.

    `near` is of `peer.near_of`: a peer there that is not of the same instance is `local`.
    `lost` is of the whole node, and said to each instance: its numbers may lack that much.
    `libraries` of TLS are by pid: unread connections are laid to them.
    """
    flows = [flow for flow in flows if flow.key.pid in named]
    edges: dict[_Edge, Flow] = {}
    blamed: dict[_Edge, Counter[tuple[str, Reason]]] = defaultdict(Counter)
    for flow in flows:
        edge = _edge_of(flow, named, near)
        edges[edge] = _sum(edges[edge], flow) if edge in edges else flow
        if flow.tls.connections:
            blamed[edge][blame(libraries.get(flow.key.pid))] += flow.tls.connections
    meters: dict[tuple[str, str], list[Meter]] = defaultdict(list)
    for edge, flow in edges.items():
        meters[edge.service, edge.instance].extend(_meters(edge, flow))
        tls = tls_meters(edge.labels, blamed.get(edge, {}), flow.tls.readable)
        meters[edge.service, edge.instance].extend(tls)
    for (service, instance), ports in _overflows(listeners, named).items():
        meters[service, instance].extend(overflow_meters(ports))
    for found in meters.values():
        found.extend(loss_meters(lost))
    return [
        Collection(service, instance, timestamp_ms, tuple(found))
        for (service, instance), found in meters.items()
        if found
    ]


def _overflows(
    listeners: Iterable[Listener], named: Mapping[int, Named]
) -> dict[tuple[str, str], Counter[int]]:
    """Connections refused, by instance and port: several sockets may listen on one."""
    found: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for each in listeners:
        if each.pid in named:
            found[named[each.pid].of][each.port] += each.overflows
    return found


def _edge_of(flow: Flow, named: Mapping[int, Named], near: Container[str]) -> _Edge:
    here = named[flow.key.pid]
    side, other = ("server", "client") if flow.key.role is Role.SERVER else ("client", "server")
    labels = (
        (f"{side}_process_id", here.process_id),
        _peer_label(other, peer_of(flow.key, here, named, near)),
        ("side", side),
        ("protocol", PROTOCOLS[flow.key.protocol]),
        ("is_ssl", "true" if flow.key.tls else "false"),
    )
    return _Edge(*here.of, side, labels)


def _peer_label(other: str, peer: Peer) -> tuple[str, str]:
    if peer.process_id:
        return f"{other}_process_id", peer.process_id
    if peer.is_local:
        return f"{other}_local", "true"
    return f"{other}_address", peer.address


def _sum(left: Flow, right: Flow) -> Flow:
    operations = {
        name: _sum_operations(left.operations.get(name), right.operations.get(name))
        for name in {*left.operations, *right.operations}
    }
    return Flow(
        left.key,
        operations,
        _sum_http(left.http, right.http),
        sum_facts(left.tcp, right.tcp),
        sum_counts(left.failures, right.failures),
        sum_counts(left.drops, right.drops),
        Tls(left.tls.connections + right.tls.connections, left.tls.readable + right.tls.readable),
    )


def _sum_operations(left: Operation | None, right: Operation | None) -> Operation:
    if left is None or right is None:
        return left or right or Operation()
    return Operation(
        left.count + right.count,
        left.bytes + right.bytes,
        left.time + right.time,
        _sum_buckets(left.buckets, right.buckets),
    )


def _sum_buckets(left: Sequence[int], right: Sequence[int]) -> tuple[int, ...]:
    """Of one scale; where no histogram is kept there is none to add."""
    return tuple(map(add, left, right)) or tuple(left) or tuple(right)


def _sum_http(left: Http | None, right: Http | None) -> Http | None:
    if left is None or right is None:
        return left or right
    return Http(
        requests=left.requests + right.requests,
        request_bytes=left.request_bytes + right.request_bytes,
        request_size_buckets=_sum_buckets(left.request_size_buckets, right.request_size_buckets),
        responses=sum_counts(left.responses, right.responses),
        response_bytes=left.response_bytes + right.response_bytes,
        response_size_buckets=_sum_buckets(left.response_size_buckets, right.response_size_buckets),
        duration_ns=left.duration_ns + right.duration_ns,
        duration_buckets=_sum_buckets(left.duration_buckets, right.duration_buckets),
        unanswered=left.unanswered + right.unanswered,
        unpaired=sum_counts(left.unpaired, right.unpaired),
    )


def _meters(edge: _Edge, flow: Flow) -> Iterator[Meter]:
    for name in OPERATIONS:
        operation = flow.operations.get(name)
        if operation and (operation.count or operation.bytes):
            yield from _operation_meters(edge, name, operation)
    if flow.http:
        yield from _http_meters(edge, flow.http)
    yield from fact_meters(edge.labels, flow)


def _operation_meters(edge: _Edge, name: str, operation: Operation) -> Iterator[Meter]:
    stem = f"{PREFIX}_{edge.side}_{STEMS.get(name, name)}"
    if operation.count:
        yield Single(_named(stem, "counts_counter"), edge.labels, operation.count)
    if operation.bytes:
        yield Single(_named(stem, "bytes_counter"), edge.labels, operation.bytes)
    if operation.time and operation.count:
        average = operation.time / operation.count
        yield Single(_named(stem, "exe_time_counter"), edge.labels, average)
    scale = bounds.L4_US if name == "rtt" else bounds.L4_NS
    histogram = "histogram" if name == "rtt" else "exe_time_histogram"
    yield from _histogram(_named(stem, histogram), edge.labels, scale, operation.buckets)


def _http_meters(edge: _Edge, http: Http) -> Iterator[Meter]:
    stem, labels = f"{PREFIX}_http1", edge.labels
    responses = sum(http.responses.values())
    if http.requests:
        yield Single(_named(stem, "request_counter"), labels, http.requests)
    for code, count in sorted(http.responses.items()):
        name = _named(stem, "response_status_counter")
        yield Single(name, (*labels, ("code", str(code))), count)
    averages = (
        ("request_package_size_avg", http.request_bytes, http.requests),
        ("response_package_size_avg", http.response_bytes, responses),
        (f"{edge.side}_duration_avg", http.duration_ns / 1_000_000, responses),
    )
    for name, total, count in averages:
        if total and count:
            yield Single(_named(stem, name), labels, total / count)
    histograms = (
        ("request_package_size_histogram", bounds.HTTP_BYTES, http.request_size_buckets),
        ("response_package_size_histogram", bounds.HTTP_BYTES, http.response_size_buckets),
        (f"{edge.side}_duration_histogram", bounds.HTTP_MS, http.duration_buckets),
    )
    for name, scale, counts in histograms:
        yield from _histogram(_named(stem, name), labels, scale, counts)


def _histogram(
    name: str, labels: Labels, scale: Sequence[int], counts: Sequence[int]
) -> Iterator[Meter]:
    if any(counts):
        yield Histogram(name, labels, tuple(map(_bucket, scale, counts)))


@lru_cache(256)
def _named(stem: str, what: str) -> str:
    """Each name of a meter, kept once however many edges have one."""
    return f"{stem}_{what}"


@lru_cache(4096)
def _bucket(bound: int, count: int) -> tuple[float, int]:
    """Most counts are small, and a report has a hundred thousand: each kind is kept once."""
    return float(bound), count
