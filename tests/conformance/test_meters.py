"""Meters become metrics of edges, and edges a topology (contract 1.6, 2, 4.5, 5.1 to 5.3)."""

import random
import time
from typing import Any

import pytest

from conformance.message import message
from conformance.rover import Labels, Rover, histogram, single
from conformance.target import wait, window

EXEC = """query ($expression: String!, $entity: Entity!, $duration: Duration!) {
  result: execExpression(expression: $expression, entity: $entity, duration: $duration) {
    type error results { metric { labels { key value } } values { id value } }
  }
}"""
TOPOLOGY = """query ($instance: ID!, $duration: Duration!) {
  topology: getProcessTopology(serviceInstanceId: $instance, duration: $duration) {
    nodes { id name serviceId serviceInstanceId isReal }
    calls { id source target detectPoints sourceComponents targetComponents }
  }
}"""
BOUNDS_NS = (0, 10_000, 50_000, 100_000, 500_000, 1_000_000)
WRITES = "rover_net_p_client_write_counts_counter"


def last_minute_ms() -> int:
    """The middle of the minute before this one; asked for twice it may be two minutes."""
    return int(time.time()) // 60 * 60_000 - 30_000


def values(rover: Rover, metric: str, source: str, target: str) -> dict[str, list[str]]:
    """The values of an edge that are not null, by label text (`""` without labels)."""
    asked = {"entity": rover.relation(source, target), "duration": window()}
    result = rover.target.ask(EXEC, expression=metric, **asked)
    assert ("TIME_SERIES_VALUES", None) == (result["type"], result["error"])
    return {
        ",".join(f"{each['key']}={each['value']}" for each in one["metric"]["labels"]): found
        for one in result["results"]
        if (found := [each["value"] for each in one["values"] if each["value"] is not None])
    }


def topology(rover: Rover) -> dict[str, Any]:
    """The instance's processes and calls, once there are any."""

    def ask() -> dict[str, Any]:
        found: dict[str, Any] = rover.target.ask(
            TOPOLOGY, instance=rover.instance_id, duration=window()
        )
        return found if found["calls"] else {}

    return wait("the topology", ask)


def to_remote(rover: Rover, **more: str) -> Labels:
    """The labels of what `web` says to an address that nobody knows."""
    return rover.labels("client", "web", ("address", "10.9.8.7:80"), **more)


def written(rover: Rover) -> list[str]:
    """What is known of the writes of `web` to that address."""
    return values(rover, "process_relation_client_write_cpm", "web", "UNKNOWN_REMOTE").get("", [])


def test_increases_of_a_minute_add_up(rover: Rover) -> None:
    """Every report is a delta, never a running total."""
    at_ms = last_minute_ms()
    for count in (3, 4):
        rover.meters(single(WRITES, to_remote(rover), count), timestamp_ms=at_ms)

    wait("7 writes", lambda: written(rover) == ["7"])


def test_a_minute_belongs_to_the_agents_timestamp(rover: Rover) -> None:
    """Whenever it arrives."""
    last_ms = last_minute_ms()
    for minutes in (3, 5):
        at_ms = last_ms - minutes * 60_000
        rover.meters(single(WRITES, to_remote(rover), minutes), timestamp_ms=at_ms)

    wait("two minutes, the older first", lambda: written(rover) == ["5", "3"])


def test_only_the_first_entry_of_a_collection_says_whose_it_is(rover: Rover) -> None:
    """The others belong to the same instance."""
    reads = single("rover_net_p_client_read_counts_counter", to_remote(rover), 5)
    rover.meters(single(WRITES, to_remote(rover), 2), reads, timestamp_ms=last_minute_ms())

    found = ("process_relation_client_read_cpm", "web", "UNKNOWN_REMOTE")
    wait("5 reads", lambda: values(rover, *found) == {"": ["5"]})


def test_a_stream_of_single_meters_is_one_collection(rover: Rover) -> None:
    """`collect` beside `collectBatch`."""
    head = message((3, rover.service), (4, rover.instance), (5, last_minute_ms()))
    meters = [single(WRITES, to_remote(rover), 2), single(WRITES, to_remote(rover, x="y"), 3)]
    rover.target.call("MeterReportService/collect", meters[0] + head, meters[1])

    wait("5 writes", lambda: written(rover) == ["5"])


def test_the_order_of_labels_does_not_matter(rover: Rover) -> None:
    """A Rover's is random."""
    labels, at_ms = list(to_remote(rover)), last_minute_ms()
    for _ in range(5):
        random.shuffle(labels)
        rover.meters(single(WRITES, labels, 1), timestamp_ms=at_ms)

    wait("5 writes", lambda: written(rover) == ["5"])


def test_the_order_of_buckets_does_not_matter(rover: Rover) -> None:
    """Nor are they sorted; the percentile is the lower bound of its bucket."""
    counts, at_ms = dict(zip(BOUNDS_NS, (0, 50, 0, 40, 0, 10), strict=True)), last_minute_ms()
    for _ in range(3):
        buckets = list(counts.items())
        random.shuffle(buckets)
        name = "rover_net_p_client_write_exe_time_histogram"
        rover.meters(histogram(name, to_remote(rover), buckets), timestamp_ms=at_ms)

    metric = "process_relation_client_write_exe_time_percentile"
    expected = {50: 10_000, 75: 100_000, 90: 100_000, 95: 1_000_000, 99: 1_000_000}
    wait(
        "the percentiles",
        lambda: (
            values(rover, metric, "web", "UNKNOWN_REMOTE")
            == {f"p={rank}": [str(value)] for rank, value in expected.items()}
        ),
    )


def test_status_codes_are_counted_apart(rover: Rover) -> None:
    """Under the label `code`."""
    name = "rover_net_p_http1_response_status_counter"
    codes = [single(name, [*to_remote(rover), ("code", c)], n) for c, n in (("200", 5), ("404", 2))]
    rover.meters(*codes, timestamp_ms=last_minute_ms())

    metric = "process_relation_http1_response_status_cpm"
    expected = {"code=200": ["5"], "code=404": ["2"]}
    wait("two codes", lambda: values(rover, metric, "web", "UNKNOWN_REMOTE") == expected)


def test_an_average_is_a_whole_number(rover: Rover) -> None:
    """Rounded, and never 0 for something that took time."""
    name = "rover_net_p_client_write_exe_time_counter"
    counts = single(WRITES, to_remote(rover), 1)
    rover.meters(counts, single(name, to_remote(rover), 1500.4), timestamp_ms=last_minute_ms())

    metric = ("process_relation_client_write_avg_exe_time", "web", "UNKNOWN_REMOTE")
    wait("1500 ns", lambda: values(rover, *metric) == {"": ["1500"]})


@pytest.mark.parametrize(
    "spoiled", [("service", "x"), ("instance", "x"), ("le", "1"), ("side", "x")]
)
def test_a_label_that_must_not_be_there_does_not_take_its_neighbours(
    rover: Rover, spoiled: tuple[str, str]
) -> None:
    """SkyWalking's backend loses the whole collection for it."""
    bad = single(WRITES, [*to_remote(rover), spoiled], 100)
    reads = single("rover_net_p_client_read_counts_counter", to_remote(rover), 5)
    rover.meters(bad, reads, timestamp_ms=last_minute_ms())

    found = ("process_relation_client_read_cpm", "web", "UNKNOWN_REMOTE")
    wait("5 reads", lambda: values(rover, *found) == {"": ["5"]})


def test_a_collection_of_nobody_is_left_out_and_its_neighbours_are_not(rover: Rover) -> None:
    """Without service, instance or time; a meter of an unknown name; one without any peer."""
    nobody = message((1, single(WRITES, to_remote(rover), 100)))
    unknown = single("no_such_meter", to_remote(rover), 100)
    peerless = single(WRITES, [("client_process_id", rover.process_id("web"))], 100)
    rover.target.call("MeterReportService/collectBatch", nobody, message())
    rover.meters(
        unknown, peerless, single(WRITES, to_remote(rover), 1), timestamp_ms=last_minute_ms()
    )

    wait("1 write", lambda: written(rover) == ["1"])


@pytest.mark.parametrize(
    ("protocol", "is_ssl", "component"),
    [
        ("http", "true", "https"),
        ("http", "false", "http"),
        ("unknown", "true", "tls"),
        ("unknown", "false", "tcp"),
    ],
)
def test_an_edge_is_named_by_what_it_speaks(
    rover: Rover, protocol: str, is_ssl: str, component: str
) -> None:
    """https, http, tls or tcp, at the end that saw it."""
    rover.meters(single(WRITES, to_remote(rover, protocol=protocol, is_ssl=is_ssl), 1))

    (call,) = topology(rover)["calls"]
    assert ([component], [], ["CLIENT"]) == (
        call["sourceComponents"], call["targetComponents"], call["detectPoints"],
    )  # fmt: skip


def test_an_edge_that_both_ends_saw_is_one_call(rover: Rover) -> None:
    """With both detect points."""
    rover.live("web", "db")
    for side, here, there in (("client", "web", "db"), ("server", "db", "web")):
        labels = rover.labels(side, here, ("process_id", rover.process_id(there)))
        rover.meters(single(f"rover_net_p_{side}_write_counts_counter", labels, 1))

    def both() -> dict[str, Any]:
        (call,) = topology(rover)["calls"]
        return call if len(call["detectPoints"]) == 2 else {}

    call = wait("both ends", both)
    assert (rover.edge("web", "db"), {"CLIENT", "SERVER"}) == (
        call["id"], set(call["detectPoints"]),
    )  # fmt: skip
    assert (["http"], ["http"]) == (call["sourceComponents"], call["targetComponents"])


def test_peers_that_nobody_monitors_are_virtual_processes_of_the_reporter(rover: Rover) -> None:
    """Local ones and remote ones; real ones are real."""
    rover.live("web")
    rover.meters(
        single(WRITES, to_remote(rover), 1),
        single(WRITES, rover.labels("client", "web", ("local", "true")), 1),
    )

    def three() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = topology(rover)["nodes"]
        return found if len(found) == 3 else []

    nodes = {each["name"]: each for each in wait("three nodes", three)}
    assert {"web": True, "UNKNOWN_LOCAL": False, "UNKNOWN_REMOTE": False} == {
        name: node["isReal"] for name, node in nodes.items()
    }
    for name, node in nodes.items():
        assert (rover.process_id(name), rover.service_id, rover.instance_id) == (
            node["id"], node["serviceId"], node["serviceInstanceId"],
        )  # fmt: skip


def test_the_two_ends_of_an_edge_are_never_added(rover: Rover) -> None:
    """Both count the same requests; an edge has them once."""
    rover.live("web", "db")
    at_ms = last_minute_ms()
    for side, here, there in (("client", "web", "db"), ("server", "db", "web")):
        labels = rover.labels(side, here, ("process_id", rover.process_id(there)))
        rover.meters(single("rover_net_p_http1_request_counter", labels, 10), timestamp_ms=at_ms)

    metric = ("process_relation_http1_request_cpm", "web", "db")
    wait("10 requests", lambda: values(rover, *metric) == {"": ["10"]})


def test_without_data_a_metric_has_nulls_and_a_labelled_one_nothing(rover: Rover) -> None:
    """For every minute asked for."""
    asked = {"entity": rover.relation("a", "b"), "duration": window(10)}
    plain = rover.target.ask(EXEC, expression="process_relation_client_write_cpm", **asked)
    labelled = rover.target.ask(
        EXEC, expression="process_relation_client_write_rtt_time_percentile", **asked
    )

    assert [None] * 11 == [each["value"] for each in plain["results"][0]["values"]]
    assert [] == labelled["results"]


def test_an_instance_without_edges_has_an_empty_topology(rover: Rover) -> None:
    """Not an error."""
    empty: dict[str, list[object]] = {"nodes": [], "calls": []}
    assert empty == rover.target.ask(TOPOLOGY, instance=rover.instance_id, duration=window())
