"""The shipped rules: what edges come to."""

import pytest

from podwire.model.meter import Histogram
from podwire.model.metric import Function, Metric, Partial, Relation, Side
from podwire.model.process import DetectType, Entity, ProcessRecord

from .edges import (
    INSTANCE_ID,
    UNKNOWN_LOCAL,
    UNKNOWN_REMOTE,
    labels,
    merged,
    network_profiling,
    report,
    single,
)

TWO_PEERS = (
    (labels(("server_address", "10.0.0.1:80")), 1.0, 100.0),
    (labels(("server_address", "10.0.0.2:80")), 3.0, 200.0),
)
"""Labels, operations and average time of two peers that nobody names: one edge."""


def test_two_unequal_peers_in_one_report_weigh_by_their_counts() -> None:
    """One write of 100 ns and three of 200 ns are four writes of 700 ns, not 300 ns of one."""
    analysis = network_profiling().analyze(
        report(
            *(single("client_write_counts_counter", count, of) for of, count, _ in TWO_PEERS),
            *(single("client_write_exe_time_counter", time, of) for of, _, time in TWO_PEERS),
        )
    )

    entity = f"p1-{UNKNOWN_REMOTE}"
    expected = (
        Partial("process_relation_client_write_cpm", entity, Side.CLIENT, 60, 4),
        Partial("process_relation_client_write_avg_exe_time", entity, Side.CLIENT, 60, 700, 4),
    )
    assert expected == analysis.partials


def test_two_unequal_reports_weigh_by_their_counts() -> None:
    """Merging over reports weighs the same as within one."""
    analyzer = network_profiling()
    partials = [
        partial
        for of, count, time in TWO_PEERS
        for partial in analyzer.analyze(
            report(
                single("client_write_counts_counter", count, of),
                single("client_write_exe_time_counter", time, of),
            )
        ).partials
    ]

    assert (700, 4) == merged(partials, "client_write_avg_exe_time")


def test_response_times_weigh_by_all_statuses() -> None:
    """The status counter carries one more label than the duration; all its codes count."""
    analysis = network_profiling().analyze(
        report(
            single("http1_client_duration_avg", 7.4),
            single("http1_response_status_counter", 3.0, labels(extra=(("code", "200"),))),
            single("http1_response_status_counter", 2.0, labels(extra=(("code", "404"),))),
        )
    )

    codes = {"{code=200}": 3, "{code=404}": 2}
    by_name = {each.metric.removeprefix("process_relation_"): each for each in analysis.partials}
    assert (37, 5) == merged(analysis.partials, "http1_client_duration")
    assert codes == by_name["http1_response_status_cpm"].table


def test_without_a_count_each_average_weighs_one() -> None:
    """An agent that reports no counts gets MAL's plain average."""
    analysis = network_profiling().analyze(report(single("http1_request_package_size_avg", 40.0)))

    assert (40, 1) == merged(analysis.partials, "http1_request_package_size")


def test_average_sizes_give_back_the_exact_bytes() -> None:
    """1,234,567 bytes in 7 requests arrive as an average and are 1,234,567 bytes again."""
    analysis = network_profiling().analyze(
        report(
            single("http1_request_package_size_avg", 1_234_567 / 7),
            single("http1_request_counter", 7.0),
        )
    )

    assert (1_234_567, 0) == merged(analysis.partials, "http1_request_total_bytes")
    assert (1_234_567, 7) == merged(analysis.partials, "http1_request_package_size")


def test_histograms_add_by_lower_bound() -> None:
    """Buckets of two peers add up; of the empty ones only the lowest is kept."""
    buckets = ((50.0, 0), (0.0, 0), (10.0, 3))
    analysis = network_profiling().analyze(
        report(
            *(
                Histogram("rover_net_p_client_write_rtt_histogram", of, buckets)
                for of, _, _ in TWO_PEERS
            )
        )
    )

    assert [{"0": 0, "10": 6}] == [partial.table for partial in analysis.partials]


@pytest.mark.parametrize(
    ("protocol", "ssl", "component"),
    [("http", "true", 129), ("http", "false", 49), ("unknown", "true", 130), ("x", "false", 110)],
)
def test_components(protocol: str, ssl: str, component: int) -> None:
    """An edge's component says what it speaks."""
    meter = single("client_write_counts_counter", 1.0, labels(protocol=protocol, ssl=ssl))
    analysis = network_profiling().analyze(report(meter))

    assert (Relation(INSTANCE_ID, "p1", "p2", Side.CLIENT, component, 60),) == analysis.relations


def test_the_server_is_the_target_whoever_counts() -> None:
    """On a server's report the reporter is the target and the edge's side is server."""
    of = labels(("client_process_id", "p0"), side="server")
    analysis = network_profiling().analyze(report(single("server_read_counts_counter", 1.0, of)))

    assert (Relation(INSTANCE_ID, "p0", "p1", Side.SERVER, 49, 60),) == analysis.relations


@pytest.mark.parametrize(
    ("label", "value", "process_id", "name"),
    [
        ("server_local", "true", UNKNOWN_LOCAL, "UNKNOWN_LOCAL"),
        ("server_address", "10.0.0.9:443", UNKNOWN_REMOTE, "UNKNOWN_REMOTE"),
    ],
)
def test_unreported_peers_are_virtual_processes(
    label: str, value: str, process_id: str, name: str
) -> None:
    """A peer nobody reports belongs to the reporter's instance, by the wire's own ids."""
    meter = single("client_write_counts_counter", 1.0, labels((label, value)))
    analysis = network_profiling().analyze(report(meter))

    entity = Entity(layer="", service="service", instance="test-instance", process=name)
    record = ProcessRecord(
        process_id=process_id,
        entity=entity,
        detect_type=DetectType.VIRTUAL,
        agent_id="",
        last_ping_ms=61_000,
    )
    assert (record,) == analysis.virtual


def test_addresses_get_the_cluster_s_names() -> None:
    """The port is cut at the last colon, also behind IPv6; what else is known comes along."""

    class Cluster:
        epoch = 0

        def name_of(self, address: str) -> str | None:
            return {"10.0.0.9": "web.shop", "fd00::9": "db.shop"}.get(address)

        def facts_of(self, address: str) -> tuple[tuple[str, str], ...]:
            return (("node", f"of {address}"),)

    addresses = ("10.0.0.9:80", "fd00::9:0")
    meters = (
        single("client_write_counts_counter", 1.0, labels(("server_address", address)))
        for address in addresses
    )
    analysis = network_profiling(Cluster()).analyze(report(*meters))

    assert ["web.shop", "db.shop"] == [record.entity.process for record in analysis.virtual]
    facts = [(("node", f"of {address}"),) for address in ("10.0.0.9", "fd00::9")]
    assert facts == [record.properties for record in analysis.virtual]


def test_all_metrics_are_there() -> None:
    """The 42 metrics of network profiling, exact bytes of HTTP, and what of TLS was read."""
    expected = {
        *(f"{x}_{op}_cpm" for x in SIDES for op in OPERATIONS),
        *(f"{x}_{op}_total_bytes" for x in SIDES for op in ("write", "read")),
        *(f"{x}_{op}_avg_exe_time" for x in SIDES for op in ("write", "read", "close")),
        *(f"{x}_write_avg_rtt_time" for x in SIDES),
        *("client_connect_exe_time", "server_connect_avg_exe_time"),
        *(f"{x}_write_rtt_time_percentile" for x in SIDES),
        *(f"{x}_{op}_exe_time_percentile" for x in SIDES for op in ("write", "read")),
        *("http1_request_cpm", "http1_response_status_cpm"),
        *(f"http1_{m}_package_size{tail}" for m in MESSAGES for tail in ("", "_percentile")),
        *(f"http1_{x}_duration{tail}" for x in SIDES for tail in ("", "_percentile")),
        *(f"http1_{m}_total_bytes" for m in MESSAGES),
        *("tls_connections", "tls_readable"),
    }
    metrics = network_profiling().metrics

    assert 42 + 2 + 2 == len(expected)
    assert {f"process_relation_{name}" for name in expected} == {each.name for each in metrics}
    assert (
        Metric(
            "process_relation_client_write_rtt_time_percentile",
            Function.SUM_HISTOGRAM_PERCENTILE,
            (50, 75, 90, 95, 99),
        )
        in metrics
    )


SIDES = ("client", "server")
OPERATIONS = ("write", "read", "connect", "close", "retransmit", "drop")
MESSAGES = ("request", "response")
