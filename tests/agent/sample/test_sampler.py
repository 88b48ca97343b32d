"""Exchanges of a report become samples as a SkyWalking backend reads them (contract 2.6, 2.7)."""

from dataclasses import replace

from podwire.agent.named import Named
from podwire.agent.sample.policy import Policy
from podwire.agent.sample.rule import Rules
from podwire.agent.sample.sampler import Sample, Sampler
from podwire.model.exchange import Device, Exchange, Recording, SystemCall
from podwire.model.flow import FlowKey, Peer, Protocol, Role
from podwire.model.process import Entity
from podwire.model.task import SamplingOptions, SamplingRule, SamplingSettings

SETTINGS = SamplingSettings(require_complete_request=True, require_complete_response=True)
RULE = SamplingRule(min_duration_ms=100, when_4xx=True, when_5xx=True, settings=SETTINGS)
KEY = FlowKey(7, "10.0.0.1", Peer("10.0.0.2", 8080, 0), Role.CLIENT, Protocol.HTTP1, tls=False)
ENTITY = Entity(layer="K8S_SERVICE", service="shop", instance="pod", process="gateway")
GATEWAY, ORDERS = Named(ENTITY, "p7"), Named(replace(ENTITY, process="orders"), "p8")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEAD = f"GET /orders?a=1 HTTP/1.1\r\nHost: x\r\nb3: {TRACE}-{SPAN}\r\n\r\n".encode()
MS = 1_000_000
ETH0 = Device(2, "eth0")


def exchange(
    status: int = 500, duration_ms: int = 5, head: bytes = HEAD, key: FlowKey = KEY
) -> Exchange:
    """One that began at the first second of the epoch."""
    body = b"HTTP/1.1 500 Broken\r\n\r\nno tea"
    end_ns = (1000 + duration_ms) * MS
    request = Recording(head, len(head), 1000 * MS, 1001 * MS)
    call = SystemCall("Write", True, 1000 * MS, 1001 * MS, len(head), rtt_us=37, segments=3)
    return Exchange(
        key, status, request, Recording(body, len(body), end_ns - MS, end_ns), (call,), ETH0
    )


def sampled(
    *exchanges: Exchange, policy: Policy | None = None, named: dict[int, Named] | None = None
) -> tuple[list[Sample], dict[str, int]]:
    """The samples of one report and what was counted."""
    sampler = Sampler()
    policies = {7: [policy or Policy(Rules([RULE]))]}
    found = sampler.take(
        exchanges, policies=policies, named=named or {7: GATEWAY}, near={"10.0.0.9"}, now_ms=5
    )
    return found, {reason: count for reason, count in sampler.losses.items() if count}


def test_the_log_says_what_a_backend_reads() -> None:
    """Every key; the path without its query; all three words of each end."""
    (sample,), losses = sampled(exchange())

    assert ("shop", "pod", "K8S_SERVICE", TRACE) == (
        sample.service,
        sample.instance,
        sample.layer,
        sample.trace_id,
    )
    assert {
        "uri": "/orders",
        "reason": "status_5xx",
        "latency": 5,
        "trace_provider": "zipkin",
        "client_process": {"process_id": "p7", "local": False, "address": ""},
        "server_process": {"process_id": "", "local": False, "address": "10.0.0.2:8080"},
        "detect_point": "client",
        "component": "http",
        "ssl": False,
        "status": 500,
    } == sample.body
    assert {} == losses


def test_the_events_are_message_call_message() -> None:
    """Each hangs at the span of the request's context, with sizes, directions and true units."""
    (sample,), _ = sampled(exchange())
    names = [event.name for event in sample.events]
    request, call, response = (dict(event.tags) for event in sample.events)

    assert ["HTTP Request Sampling", "Syscall Write", "HTTP Response Sampling"] == names
    assert {(TRACE, "", SPAN, True)} == {
        (e.trace_id, e.segment_id, e.span_id, e.is_zipkin) for e in sample.events
    }
    assert HEAD.decode() == request["data_content"]
    assert ("outbound", "request", "client") == (
        request["data_direction"],
        request["data_type"],
        request["connection_role"],
    )
    assert ("inbound", "29B") == (response["data_direction"], response["data_size"])
    assert (f"{len(HEAD)}B", "37000ns") == (call["package_size"], call["avg_rtt_time"])
    assert ("3", "eth0", "2") == (
        call["package_count"],
        call["network_name"],
        call["network_index"],
    )


def test_a_peer_with_our_own_address_is_local() -> None:
    """As in the meters of the same edge: both ends are in one network namespace."""
    (sample,), _ = sampled(exchange(key=replace(KEY, peer=Peer(KEY.local_address, 8080, 0))))

    assert sample.body["server_process"] == {"process_id": "", "local": True, "address": ""}


def test_a_server_names_its_peer_as_the_client() -> None:
    """The process at the other end when it is of the same instance, and directions turned."""
    key = replace(KEY, role=Role.SERVER, peer=Peer("10.0.0.2", 0, 8))
    (sample,), _ = sampled(exchange(key=key), named={7: GATEWAY, 8: ORDERS})

    assert ("p8", "p7", "server") == (
        sample.body["client_process"]["process_id"],  # type: ignore[index]
        sample.body["server_process"]["process_id"],  # type: ignore[index]
        sample.body["detect_point"],
    )
    assert "inbound" == dict(sample.events[0].tags)["data_direction"]


def test_the_longest_are_kept_and_the_rest_counted() -> None:
    """As many as the task says for each traffic and reason."""
    many = [exchange(duration_ms=ms) for ms in range(30)]
    policy = Policy(Rules([RULE]), SamplingOptions(samples_per_report=10))
    samples, losses = sampled(*many, exchange(404), policy=policy)

    assert list(range(29, 19, -1)) == [
        s.body["latency"] for s in samples if s.body["reason"] == "status_5xx"
    ]
    assert 1 == sum(sample.body["reason"] == "status_4xx" for sample in samples)
    assert {"sample_over_limit": 20} == losses


def test_without_a_context_a_task_may_still_sample() -> None:
    """By default it does not, and says how many it passed over."""
    bare = exchange(head=b"GET / HTTP/1.1\r\n\r\n")
    none, losses = sampled(bare)
    policy = Policy(Rules([RULE]), SamplingOptions(require_trace_context=False))
    (sample,), _ = sampled(bare, policy=policy)

    assert ([], {"sample_without_trace_context": 1}) == (none, losses)
    assert (32, "zipkin") == (len(sample.trace_id), sample.body["trace_provider"])


def test_only_what_a_rule_asks_for_is_sent() -> None:
    """A rule may want the response alone, or neither."""
    settings = SamplingSettings(require_complete_request=False, require_complete_response=True)
    policy = Policy(Rules([replace(RULE, settings=settings)]))
    (sample,), _ = sampled(exchange(), policy=policy)

    assert ["HTTP Response Sampling"] == [event.name for event in sample.events]


def test_a_stranger_and_a_fast_success_are_not_picked() -> None:
    """No policy for its process, no name for it, or nothing wrong with it."""
    others = replace(KEY, pid=9)

    assert ([], {}) == sampled(exchange(200), exchange(key=others))
