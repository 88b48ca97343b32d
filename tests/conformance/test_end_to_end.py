"""
SkyWalking's end-to-end test of network profiling, with its agents played on the wire (contract 7).

What its Rover, its language agent and its shell say is said here in bytes; what it asserts is
asserted here line by line, in its order. `service` calls itself through nginx: `/consumer` calls
`http://proxy/provider`, and the answer comes after a second.
"""

import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from conformance import test_meters as meters
from conformance import test_processes as processes
from conformance import test_records as records
from conformance import test_tasks as tasks
from conformance.rover import Rover, histogram, single
from conformance.strict import DURATIONS, NS, SIZES
from conformance.target import Target, wait, window

REMOTE = "UNKNOWN_REMOTE"
SERVICES = """query ($duration: Duration!) {
  result: getAllServices(duration: $duration) { id name group shortName layers normal }
}"""
INSTANCES = """query ($duration: Duration!, $service: ID!) {
  result: listInstances(duration: $duration, serviceId: $service) {
    id name language instanceUUID attributes { name value }
  }
}"""
US = tuple(bound // 1000 for bound in NS)


@dataclass
class Played:
    """The scenario after everything was said."""

    rover: Rover
    task: dict[str, Any]
    traces: dict[str, str]
    """Trace ids by reason."""

    segment: str


@pytest.fixture(scope="module")
def played(target: Target) -> Played:
    """Both services, a task, one flush of meters, three sampled requests and a trace."""
    rover = Rover(target, service="service")
    nginx = Rover(target, agent=rover.agent, service="nginx")
    for each, name, line in ((rover, "service", "/service/service"), (nginx, "nginx", "nginx")):
        told = {"host_ip": "127.0.0.1", "pid": "7", "command_line": line}
        each.report(each.metadata(each.entity(name), properties=told))
        each.keep_alive(each.entity(name))
    both = {"requireCompleteRequest": True, "requireCompleteResponse": True}
    rule = {"minDuration": 1, "when4xx": True, "when5xx": True, "settings": both}
    task = tasks.create(rover, rule)
    _flush(rover, "client", "write", "read")
    _flush(rover, "server", "write", "read")
    traces = {reason: uuid.uuid4().hex for reason in ("slow", "status_4xx", "status_5xx")}
    _sample(rover, traces)
    return Played(rover, task, traces, _trace(rover, traces["slow"]))


def _flush(rover: Rover, side: str, *operations: str) -> None:
    """What one side of `service` counted in the minute before this one."""
    labels = rover.labels(side, "service", ("address", "10.9.8.7:80"))
    stem, http = f"rover_net_p_{side}", "rover_net_p_http1"
    said = [histogram(f"{stem}_write_rtt_histogram", labels, [(b, 1) for b in US])]
    for operation in operations:
        said += [
            single(f"{stem}_{operation}_counts_counter", labels, 4),
            single(f"{stem}_{operation}_bytes_counter", labels, 400),
            single(f"{stem}_{operation}_exe_time_counter", labels, 20_000),
            histogram(f"{stem}_{operation}_exe_time_histogram", labels, [(b, 1) for b in NS]),
        ]
    said += [
        single(f"{http}_request_counter", labels, 2),
        single(f"{http}_request_package_size_avg", labels, 150),
        single(f"{http}_response_package_size_avg", labels, 250),
        single(f"{http}_{side}_duration_avg", labels, 1001),
        histogram(f"{http}_request_package_size_histogram", labels, [(b, 1) for b in SIZES]),
        histogram(f"{http}_response_package_size_histogram", labels, [(b, 1) for b in SIZES]),
        histogram(f"{http}_{side}_duration_histogram", labels, [(b, 1) for b in DURATIONS]),
    ]
    rover.meters(*said, timestamp_ms=meters.last_minute_ms())


def _sample(rover: Rover, traces: dict[str, str]) -> None:
    uris = {"slow": "/provider", "status_4xx": "/notfound", "status_5xx": "/provider"}
    rover.log(
        *(
            rover.sample(reason=reason, uri=uris[reason], trace_id=trace_id)
            for reason, trace_id in traces.items()
        )
    )


def _trace(rover: Rover, trace_id: str) -> str:
    """The language agent's segment, and what was seen while its exit span ran."""
    segment = uuid.uuid4().hex
    records.send_segment(
        rover, trace_id, segment,
        records.span(0, -1, records.ENTRY, "GET:/consumer"),
        records.span(1, 0, records.EXIT, "GET:/provider"),
    )  # fmt: skip
    tags = ("data_size=157B", "data_type=request", "data_direction=outbound")
    records.send_event(rover.target, trace_id, segment, "1", *tags)
    return segment


def test_1_both_services_are_listed_once(played: Played) -> None:
    """Nginx in K8S_SERVICE; service in K8S_SERVICE and, for its language agent, GENERAL."""
    for name, layers in (("nginx", {"K8S_SERVICE"}), ("service", {"K8S_SERVICE", "GENERAL"})):
        found = played.rover.target.ask(SERVICES, duration=window())
        (service,) = [each for each in found if each["name"] == name]
        assert layers == set(service["layers"])
        assert ("", name, True) == (service["group"], service["shortName"], service["normal"])
        assert service["id"].endswith(".1")


def test_2_the_instance_is_listed(played: Played) -> None:
    """Without attributes, of an unknown language."""
    asked = {"duration": window(), "service": played.rover.service_id}
    found = played.rover.target.ask(INSTANCES, **asked)
    (instance,) = [each for each in found if each["name"] == "test-instance"]
    assert ([], "UNKNOWN") == (instance["attributes"], instance["language"])
    assert instance["instanceUUID"]
    assert played.rover.instance_id == instance["id"]


def test_3_the_process_is_listed_with_its_attributes(played: Played) -> None:
    """KUBERNETES, with its agent, its command line and its label."""
    found = processes.listed(played.rover)
    (process,) = [each for each in found if each["name"] == "service"]
    assert isinstance(process["attributes"], list)
    attributes = {each["name"]: each["value"] for each in process["attributes"]}
    assert ("KUBERNETES", ["k8s-service"], "/service/service") == (
        process["detectType"], process["labels"], attributes["command_line"],
    )  # fmt: skip
    assert process["agentId"]
    assert attributes.keys() >= {"host_ip", "pid", "command_line"}


def test_4_the_task_is_created(played: Played) -> None:
    """With the sampling rules of its file, and handed out to the Rover."""
    assert (True, None) == (played.task["status"], played.task["errorReason"])
    assert played.task["id"] in {each.arguments["TaskId"] for each in played.rover.poll()}


def test_5_the_topology_has_both_directions(played: Played) -> None:
    """Service to UNKNOWN_REMOTE as a client saw it, and back as a server did; http, once each."""

    def both() -> dict[str, Any]:
        found = meters.topology(played.rover)
        return found if len(found["calls"]) == 2 else {}

    found = wait("both calls", both)
    assert [("UNKNOWN_REMOTE", False), ("service", True)] == sorted(
        (node["name"], node["isReal"]) for node in found["nodes"]
    )
    calls = {call["id"]: call for call in found["calls"]}
    out = calls[played.rover.edge("service", REMOTE)]
    back = calls[played.rover.edge(REMOTE, "service")]
    assert (["http"], [], ["CLIENT"]) == (
        out["sourceComponents"], out["targetComponents"], out["detectPoints"],
    )  # fmt: skip
    assert (["http"], ["SERVER"]) == (back["targetComponents"], back["detectPoints"])


def series(played: Played, metric: str, source: str, dest: str) -> list[dict[str, Any]]:
    """The results of an expression once there are values; TIME_SERIES_VALUES, no error."""

    def ask() -> list[dict[str, Any]]:
        result = played.rover.target.ask(
            meters.EXEC,
            expression=metric,
            entity=played.rover.relation(source, dest),
            duration=window(),
        )
        assert ("TIME_SERIES_VALUES", None) == (result["type"], result["error"])
        found: list[dict[str, Any]] = result["results"]
        return found if any(v["value"] for each in found for v in each["values"]) else []

    return wait(metric, ask)


@pytest.mark.parametrize(
    ("metric", "source", "dest"),
    [
        ("client_write_cpm", "service", REMOTE),
        ("client_write_total_bytes", "service", REMOTE),
        ("client_write_avg_exe_time", "service", REMOTE),
        ("client_read_cpm", "service", REMOTE),
        ("server_write_cpm", REMOTE, "service"),
        ("http1_request_cpm", "service", REMOTE),
        ("http1_request_package_size", "service", REMOTE),
        ("http1_response_package_size", "service", REMOTE),
        ("http1_client_duration", "service", REMOTE),
    ],
)
def test_6_and_8_a_series_has_values_and_nulls(
    played: Played, metric: str, source: str, dest: str
) -> None:
    """At least one of each."""
    (result,) = series(played, f"process_relation_{metric}", source, dest)
    values = [each["value"] for each in result["values"]]
    assert None in values
    assert any(values)


@pytest.mark.parametrize(
    ("metric", "source", "dest"),
    [
        ("client_write_rtt_time_percentile", "service", REMOTE),
        ("client_write_exe_time_percentile", "service", REMOTE),
        ("server_write_rtt_time_percentile", REMOTE, "service"),
        ("server_write_exe_time_percentile", REMOTE, "service"),
        ("http1_request_package_size_percentile", "service", REMOTE),
        ("http1_response_package_size_percentile", "service", REMOTE),
    ],
)
def test_7_and_8_percentiles_have_five_labels(
    played: Played, metric: str, source: str, dest: str
) -> None:
    """P of 50, 75, 90, 95 and 99, and no other label."""
    results = series(played, f"process_relation_{metric}", source, dest)
    labels = [each["metric"]["labels"] for each in results]
    assert [[{"key": "p", "value": p}] for p in ("50", "75", "90", "95", "99")] == labels


def test_9_the_slow_request_leads_to_its_trace(played: Played) -> None:
    """Its exit span carries the request that was seen."""

    def slow() -> list[dict[str, Any]]:
        found = records.read(played.rover, records.SLOW, "service", REMOTE)
        wanted = (played.traces["slow"], "skywalking-/provider")
        return [each for each in found if (each["id"], each["name"]) == wanted]

    (record,) = wait("the slow request", slow)
    wait("its event", lambda: records.attached(played.rover.target, record["id"]))
    exit_span = records.spans_of(played.rover.target, record["id"])[played.segment, 1]
    assert (0, "GET:/provider", "GoHttpClient") == (
        exit_span["parentSpanId"], exit_span["endpointName"], exit_span["component"],
    )  # fmt: skip
    (event,) = exit_span["attachedEvents"]
    assert ("HTTP Request Sampling", []) == (event["event"], event["summary"])
    assert "data_size" in {tag["key"] for tag in event["tags"]}


@pytest.mark.parametrize(
    ("name", "uri"),
    [(records.FAILED_4XX, "skywalking-/notfound"), (records.FAILED_5XX, "skywalking-/provider")],
)
def test_10_failures_are_listed(played: Played, name: str, uri: str) -> None:
    """With id, value and refId."""
    found = wait(name, lambda: records.read(played.rover, name, "service", REMOTE))
    assert uri in {each["name"] for each in found}
    assert all(each["id"] and each["value"] and each["refId"] for each in found)
