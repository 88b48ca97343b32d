"""Flows become the meters and labels that Rover would send."""

import errno

from podwire.agent.named import Named
from podwire.agent.peer import near_of
from podwire.agent.report import collections
from podwire.model import bounds
from podwire.model.flow import (
    Flow,
    FlowKey,
    Http,
    Listener,
    Operation,
    Peer,
    Protocol,
    Role,
    Tcp,
    Tls,
)
from podwire.model.meter import Collection, Histogram, Single
from podwire.model.process import Entity
from podwire.model.tls import Library, Reason

GATEWAY = Entity(layer="K8S_SERVICE", service="shop", instance="pod-0", process="gateway")
ORDERS = Entity(layer="K8S_SERVICE", service="shop", instance="pod-0", process="orders")
OTHER = Entity(layer="K8S_SERVICE", service="shop", instance="pod-1", process="orders")
NAMED = {1: Named(GATEWAY, "gateway-id"), 2: Named(ORDERS, "orders-id"), 3: Named(OTHER, "x")}


def flow(peer: Peer, *, pid: int = 1, role: Role = Role.CLIENT, **rest: object) -> Flow:
    """A flow with one write of 10 bytes unless said otherwise."""
    http = rest.get("http")
    operations = rest.get("operations") or {"write": Operation(count=1, bytes=10, time=100)}
    key = FlowKey(pid, "10.0.0.1", peer, role, Protocol.HTTP1, tls=False)
    assert isinstance(operations, dict)
    assert http is None or isinstance(http, Http)
    return Flow(key, operations, http)


def report(*flows: Flow) -> list[Collection]:
    """All collections of one drain on a host with the address 10.0.0.99."""
    near = near_of({"10.0.0.99"}, (each.key for each in flows))
    return collections(flows, NAMED, near=near, timestamp_ms=5)


def labels(found: list[Collection]) -> tuple[tuple[str, str], ...]:
    """The labels of the first meter."""
    return found[0].meters[0].labels


def test_labels_come_in_the_order_of_the_wire() -> None:
    """Own process, peer, side, protocol, TLS."""
    expected = (
        ("client_process_id", "gateway-id"),
        ("server_address", "10.0.0.7:80"),
        ("side", "client"),
        ("protocol", "http"),
        ("is_ssl", "false"),
    )

    assert expected == labels(report(flow(Peer("10.0.0.7", 80))))


def test_a_peer_in_the_same_instance_is_named() -> None:
    """Two processes of one instance are paired."""
    found = labels(report(flow(Peer("10.0.0.1", 80, pid=2))))

    assert ("server_process_id", "orders-id") == found[1]


def test_a_monitored_peer_in_another_instance_is_an_address() -> None:
    """Ids cross the wire only inside one instance."""
    found = labels(report(flow(Peer("10.0.0.7", 80, pid=3))))

    assert ("server_address", "10.0.0.7:80") == found[1]


def test_a_peer_on_this_host_is_local() -> None:
    """Its address is one of the host's, a monitored socket's own, or loopback."""
    for address in ("10.0.0.99", "10.0.0.1", "127.0.0.1", "::1", "0.0.0.0"):
        assert ("server_local", "true") == labels(report(flow(Peer(address, 80))))[1]


def test_a_client_has_no_port_and_ipv6_no_brackets() -> None:
    """Readers cut at the last colon."""
    found = labels(report(flow(Peer("fd00::5", 0), role=Role.SERVER)))

    assert (("server_process_id", "gateway-id"), ("client_address", "fd00::5:0")) == found[:2]


def test_flows_with_equal_labels_are_one_set_of_meters() -> None:
    """Two workers of one name that talk to one peer: averages weigh by count."""
    named = {1: NAMED[1], 4: NAMED[1]}
    slow = {"write": Operation(count=1, bytes=10, time=900)}
    fast = {"write": Operation(count=3, bytes=30, time=300)}
    peer = Peer("10.0.0.7", 80)
    flows = [flow(peer, operations=slow), flow(peer, pid=4, operations=fast)]

    (found,) = collections(flows, named, near=(), timestamp_ms=5)

    values = {meter.name: meter.value for meter in found.meters if isinstance(meter, Single)}
    assert {
        "rover_net_p_client_write_counts_counter": 4,
        "rover_net_p_client_write_bytes_counter": 40,
        "rover_net_p_client_write_exe_time_counter": 300.0,
    } == values


def test_http_is_counted_by_status_and_averaged_by_response() -> None:
    """The side stands in the names of durations alone."""
    http = Http(requests=4, request_bytes=400, responses={200: 1, 404: 3}, response_bytes=800,
                duration_ns=8_000_000)  # fmt: skip

    (found,) = report(flow(Peer("10.0.0.7", 80), role=Role.SERVER, operations={"write": Operation()}, http=http))  # fmt: skip  # noqa: E501

    values = [
        (meter.name, dict(meter.labels).get("code"), meter.value)
        for meter in found.meters
        if isinstance(meter, Single)
    ]
    assert [
        ("rover_net_p_http1_request_counter", None, 4),
        ("rover_net_p_http1_response_status_counter", "200", 1),
        ("rover_net_p_http1_response_status_counter", "404", 3),
        ("rover_net_p_http1_request_package_size_avg", None, 100.0),
        ("rover_net_p_http1_response_package_size_avg", None, 200.0),
        ("rover_net_p_http1_server_duration_avg", None, 2.0),
    ] == values


def test_rtt_is_reported_as_write_rtt_in_microseconds() -> None:
    """Its histogram has the bounds of the nanosecond one divided by a thousand."""
    buckets = (0, 1, *[0] * 32)
    rtt = {"rtt": Operation(count=1, time=12, buckets=buckets)}

    (found,) = report(flow(Peer("10.0.0.7", 80), operations=rtt))

    counts, average, histogram = found.meters
    assert "rover_net_p_client_write_rtt_counts_counter" == counts.name
    assert Single("rover_net_p_client_write_rtt_exe_time_counter", average.labels, 12.0) == average
    assert isinstance(histogram, Histogram)
    assert "rover_net_p_client_write_rtt_histogram" == histogram.name
    assert [(10.0, 1)] == [bucket for bucket in histogram.buckets if bucket[1]]
    assert 34 == len(histogram.buckets)


def test_a_process_without_a_name_is_left_out() -> None:
    """Nobody could say whose numbers they are."""
    assert [] == report(flow(Peer("10.0.0.7", 80), pid=77))


def own(found: list[Collection]) -> dict[str, tuple[str, float]]:
    """Podwire's own meters: the last label's value, and the number."""
    return {
        meter.name.removeprefix("podwire_capture_"): (meter.labels[-1][1], meter.value)
        for collection in found
        for meter in collection.meters
        if isinstance(meter, Single) and meter.name.startswith("podwire_")
    }


def test_what_rover_has_no_meter_for_is_sent_beside_it() -> None:
    """Each with the labels of its edge, and a reason where there is one."""
    key = FlowKey(1, "10.0.0.1", Peer("10.0.0.7", 80), Role.CLIENT, Protocol.HTTP1, tls=False)
    facts = Tcp(resets_sent=2, rwnd_limited_ns=5)
    http = Http(unanswered=4, unpaired={200: 1})
    one = Flow(key, {}, http, facts, {errno.ECONNREFUSED: 3}, {"no_socket": 6})

    assert own(report(one, one)) == {
        "connect_failed_total": ("econnrefused", 6),
        "drop_total": ("no_socket", 12),
        "http_unpaired_total": ("200", 2),
        "http_unanswered_total": ("false", 8),
        "resets_sent_total": ("false", 4),
        "rwnd_limited_ns": ("false", 10),
    }


def test_bytes_without_a_call_are_bytes_all_the_same() -> None:
    """An edge of io_uring has bytes, and neither counts nor times."""
    found = report(flow(Peer("10.0.0.7", 80), operations={"write": Operation(bytes=9)}))

    assert {"rover_net_p_client_write_bytes_counter": 9} == {
        meter.name: meter.value for meter in found[0].meters if isinstance(meter, Single)
    }


def test_what_the_node_lost_is_said_to_each_instance() -> None:
    """The numbers beside it may lack that much."""
    flows = [flow(Peer("10.0.0.7", 80)), flow(Peer("10.0.0.7", 80), pid=3)]

    found = collections(flows, NAMED, near=(), timestamp_ms=5, lost={"payload_unread": 2})

    assert [{"lost_total": ("payload_unread", 2)}] * 2 == [own([each]) for each in found]


def test_a_full_backlog_is_said_of_its_instance_by_port() -> None:
    """Also where nothing else was said; several sockets on one port are one number."""
    full = [Listener(1, 80, 2), Listener(2, 80, 3), Listener(3, 81, 4), Listener(99, 80, 5)]

    found = collections((), NAMED, near=(), timestamp_ms=5, listeners=full)

    assert [
        {"listen_overflow_total": ("80", 5)},
        {"listen_overflow_total": ("81", 4)},
    ] == [own([each]) for each in found]


def test_a_bucket_is_kept_once_however_many_edges_have_it() -> None:
    """A thousand edges have a hundred thousand buckets, and most of them count nothing."""
    counts = (3, *[0] * (len(bounds.L4_NS) - 1))
    peers = [Peer(f"10.9.0.{last}", 80) for last in range(1, 9)]
    (found,) = report(
        *(flow(each, operations={"write": Operation(3, 9, 9, counts)}) for each in peers)
    )

    histograms = [each for each in found.meters if isinstance(each, Histogram)]
    assert len(peers) == len(histograms)
    assert len(counts) == len({id(pair) for each in histograms for pair in each.buckets})


def encrypted(pid: int, connections: int, readable: int = 0) -> Flow:
    """TLS of a process to one server."""
    key = FlowKey(pid, "10.0.0.1", Peer("10.0.0.7", 443), Role.CLIENT, Protocol.UNKNOWN, tls=True)
    return Flow(key, {}, tls=Tls(connections, readable))


def test_unread_connections_are_laid_to_the_library_of_their_process() -> None:
    """And what was read is told beside them."""
    libraries = {1: [Library("/app", "rustls 0.23", Reason.INLINED)], 2: []}
    flows = [encrypted(1, 2), encrypted(1, 1), encrypted(2, 5), encrypted(3, 4, 3)]
    found = collections(flows, NAMED, near=(), timestamp_ms=5, libraries=libraries)
    assert {
        (("library", "rustls 0.23"), ("reason", "inlined")): 3,
        (("library", "unknown"), ("reason", "unknown")): 5,
        (("library", "unknown"), ("reason", "unseen")): 4,
        (("protocol", "unknown"), ("is_ssl", "true")): 3,
    } == {
        meter.labels[-2:]: meter.value
        for collection in found
        for meter in collection.meters
        if isinstance(meter, Single)
    }
