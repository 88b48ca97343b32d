"""Reports that are wrong, many, or of changing names."""

import math
from collections import Counter
from collections.abc import Iterable
from itertools import permutations
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podwire.kube.names import NoCluster
from podwire.mal import Analysis, Analyzer, RuleError, load
from podwire.mal.check import metrics
from podwire.mal.labels import LabelTable
from podwire.mal.rules import read
from podwire.model.meter import Collection, Histogram, Meter, Single
from podwire.model.metric import Partial, Relation, Side
from podwire.model.metric import merged as merge
from podwire.wire.meter import collection_message

from .edges import INSTANCE_ID, RULES, labels, merged, network_profiling, report, single

GOOD = single("client_write_counts_counter", 3.0)
READS = "rover_net_p_client_read_counts_counter"
RTT = "rover_net_p_client_write_rtt_histogram"
REFUSED_LABELS = "rules_labels_refused_total"


@pytest.mark.parametrize(
    "bad",
    [
        Single(READS, labels(), math.nan),
        Single(READS, labels(), math.inf),
        Single(READS, labels(), -math.inf),
        Single(READS, labels(extra=(("service", "x"), ("instance", "y"))), 1.0),
        Single(READS, labels(extra=(("side", "client"), ("side", "client"))), 1.0),
        Single(READS, labels(("other", "x")), 1.0),
        Single(READS, labels(("server_address", "")), 1.0),
        Single(READS, (), 1.0),
        Histogram(RTT, labels(), ()),
        Histogram(RTT, labels(extra=(("le", "x"),)), ((0.0, 1),)),
        Histogram(RTT, labels(), ((math.nan, 1),)),
        Histogram(RTT, labels(), ((math.inf, 1), (-math.inf, 1))),
        Histogram(RTT, labels(), ((0.0, -5), (10.0, 2**62))),
        Histogram(READS, labels(), ((0.0, 1),)),
        Single(RTT, labels(), 1.0),
        Single("rover_net_p_unknown", labels(), 1.0),
    ],
)
def test_a_bad_meter_loses_no_other(bad: Meter) -> None:
    """Whatever one meter holds, the good one beside it arrives."""
    partials = network_profiling().analyze(report(bad, GOOD)).partials

    assert (3, 0) == merged(partials, "client_write_cpm")


def test_reporters_cannot_be_impersonated() -> None:
    """Labels called service and instance do not move an edge to another instance."""
    meter = single("client_read_counts_counter", 1.0, labels(extra=(("instance", "other"),)))

    assert (Relation(INSTANCE_ID, "p1", "p2", Side.CLIENT, 49, 60),) == network_profiling().analyze(
        report(meter)
    ).relations


@pytest.mark.parametrize(
    ("value", "stored"), [(-5.0, 0), (0.2, 1), (2.5, 3), (1e300, 2**63 - 1), (math.inf, 2**63 - 1)]
)
def test_values_are_stored_as_whole_numbers(value: float, stored: int) -> None:
    """Negative is 0, below 1 is 1, halves go up, and what is too large is the largest."""
    meter = single("http1_request_package_size_avg", value)
    partials = network_profiling().analyze(report(meter)).partials

    assert (stored, 1) == merged(partials, "http1_request_package_size")


def test_unnameable_edges_are_counted() -> None:
    """A sample whose peer nothing tells is dropped and shows among the losses."""
    analyzer = network_profiling()
    analyzer.analyze(report(single("client_read_counts_counter", 1.0, labels(("zone", "x")))))

    assert 1 == analyzer.losses["labels_refused"]


def test_memory_is_bounded_and_forgetting_changes_nothing() -> None:
    """A thousand peers pass through a table of a hundred label sets, each counted right."""
    analyzer = Analyzer([load(RULES)], NoCluster(), label_limit=100)
    partials = [
        partial
        for peer in range(1_000)
        for partial in analyzer.analyze(
            report(
                single(
                    "client_write_counts_counter", 2.0, labels(("server_process_id", f"p{peer}"))
                )
            )
        ).partials
    ]

    assert 1_000 == len({partial.entity for partial in partials})
    assert (2_000, 0) == merged(partials, "client_write_cpm")
    assert analyzer.losses["labels_evicted"] > 2_500


def test_a_new_name_renames_the_peer() -> None:
    """An address that gets a name later is called by it soon."""
    names: dict[str, str] = {}

    class Cluster:
        epoch = 0

        def name_of(self, address: str) -> str | None:
            return names.get(address)

        def facts_of(self, address: str) -> tuple[tuple[str, str], ...]:
            return ()

    now_s = [0.0]
    cluster = Cluster()
    analyzer = Analyzer([load(RULES)], cluster, clock=lambda: now_s[0])
    meter = single("client_write_counts_counter", 1.0, labels(("server_address", "10.0.0.9:80")))
    before = analyzer.analyze(report(meter)).virtual
    names["10.0.0.9"] = "web.shop"
    cluster.epoch += 1
    now_s[0] = 60.0
    after = analyzer.analyze(report(meter)).virtual

    assert ["UNKNOWN_REMOTE"] == [record.entity.process for record in before]
    assert ["web.shop"] == [record.entity.process for record in after]


def test_reporters_do_not_mix() -> None:
    """Equal labels of two instances are two edges, each with its own virtual peer."""
    analyzer = network_profiling()
    meter = single("client_write_counts_counter", 1.0, labels(("server_local", "true")))
    analyses = [
        analyzer.analyze(Collection("service", instance, 61_000, (meter,)))
        for instance in ("one", "two")
    ]

    assert 2 == len({relation.instance_id for each in analyses for relation in each.relations})
    assert 2 == len({record.process_id for each in analyses for record in each.virtual})


def test_files_must_agree_on_a_metric() -> None:
    """Two files may share a metric, but not define it as two kinds."""
    text = """
metricPrefix: p
expSuffix: processRelation('side', ['s'], ['i'], 'a', 'b', 'c')
metricsRules:
  - {name: x, exp: "m.sum(['side']).downsampling(SUM)"}
"""
    other = text.replace("SUM", "AVG")

    with pytest.raises(RuleError, match="p_x is defined again"):
        Analyzer([read(text), read(other)], NoCluster())
    assert 1 == len(Analyzer([read(text), read(text)], NoCluster()).metrics)


def test_endless_variety_of_labels_stays_bounded() -> None:
    """Reporters, raw label sets and label names that never come back are forgotten again."""
    analyzer = Analyzer([load(RULES)], NoCluster(), label_limit=1_000)
    for turn in range(300):
        odd = labels(extra=((f"name{turn}", "x"), ("service", f"{turn}")))
        meters = (
            single("http1_client_duration_avg", 1.0, odd),
            single("http1_response_status_counter", 1.0, odd),
        )
        analyzer.analyze(Collection("service", f"instance-{turn}", 61_000, meters))

    assert analyzer.losses["labels_evicted"] > 500


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 10**6), st.integers(1, 10**12)), min_size=1
    ),
    st.randoms(use_true_random=False),
)
def test_averages_give_back_exact_sums(
    operations: list[tuple[int, int, int]], random: Random
) -> None:
    """However counts and times spread over peers and reports, their sums come out exactly."""
    analyzer = network_profiling()
    partials: list[Partial] = []
    for peer, count, time_ns in operations:
        of = labels(("server_address", f"10.0.0.{peer}:80"))
        meters = [
            single("client_read_counts_counter", float(count), of),
            single("client_read_exe_time_counter", time_ns / count, of),
        ]
        random.shuffle(meters)
        partials += analyzer.analyze(report(*meters)).partials

    counts = sum(count for _, count, _ in operations)
    times_ns = sum(time_ns for _, _, time_ns in operations)
    assert (times_ns, counts) == merged(partials, "client_read_avg_exe_time")


def test_averages_find_their_counts_in_any_order_of_labels() -> None:
    """Each of many edges words its labels in an order of its own, twice."""
    meters: list[Meter] = []
    for turn, order in enumerate(permutations(labels(("server_process_id", "p0")))):
        of = tuple((name, f"p{turn}" if value == "p0" else value) for name, value in order)
        meters.append(single("client_read_exe_time_counter", 7.0, of))
        meters.append(single("client_read_counts_counter", 3.0, of[::-1]))
    partials = network_profiling().analyze(report(*meters)).partials

    assert (120 * 21, 120 * 3) == merged(partials, "client_read_avg_exe_time")


def test_labels_beside_the_bound_keep_their_histograms_apart() -> None:
    """A rule file that does not sum first has one table with each label set before its bounds."""
    file = read("""
metricPrefix: p
expSuffix: processRelation('side', ['service'], ['instance'], 'a', 'b', 'c')
metricsRules:
  - {name: x, exp: "m.histogram().histogram_percentile([50]).downsampling(SUM)"}
""")
    edge = (("a", "p1"), ("b", "p2"), ("c", "49"), ("side", "server"))
    meters = (
        Histogram("m", (*edge, ("code", "200")), ((10.0, 0), (20.0, 4), (5.0, 0))),
        Histogram("m", (*edge, ("code", "500")), ((10.0, 1),)),
    )
    partials = Analyzer([file], NoCluster()).analyze(report(*meters)).partials

    table = {"{code=200}:20": 4, "{code=200}:5": 0, "{code=500}:10": 1}
    assert (Partial("p_x", "p1-p2", Side.SERVER, 60, table=table),) == partials


meter_names = st.sampled_from(
    [*sorted({name for rule in load(RULES).rules for name in metrics(rule.tree)}), "other"]
)
label_sets = st.lists(
    st.tuples(
        st.sampled_from(
            ["client_process_id", "server_address", "side", "le", "code", "service", "component"]
        ),
        st.sampled_from(["", "p1", "10.0.0.1:80", "::1:0", "nan", "{a=b}", "\0"]),
    ),
    max_size=5,
).map(tuple)
meters = st.builds(Single, meter_names, label_sets, st.floats()) | st.builds(
    Histogram,
    meter_names,
    label_sets,
    st.lists(st.tuples(st.floats(), st.integers(-(2**63), 2**63 - 1)), max_size=4).map(tuple),
)


JOINED = """
metricPrefix: joined
expSuffix: processRelation('side', ['service'], ['instance'], 'a', 'b', 'c')
metricsRules:
  - name: sum
    exp: (one.sum(['service', 'side', 'a', 'b', 'c']) + two.sum(['side', 'a', 'b', 'c']))
  - {name: plain, exp: "one.sum(['side', 'a', 'b', 'c']).downsampling(SUM)"}
"""
CHOSEN = """
metricPrefix: chosen
expSuffix: service(['service'], Layer.GENERAL)
metricsRules:
  - {name: mean, exp: "one.tagEqual('side', 'client').avg(['service', 'zone'])"}
  - {name: most, exp: "one.max(['service', 'a']).downsampling(MAX)"}
  - {name: least, exp: "(two * 2).valueGreater(1).min(['service']).downsampling(MIN)"}
  - {name: last, exp: "two.tagNotMatch('zone', 'x').sum(['service', 'side']).downsampling(LATEST)"}
  - {name: tagged, exp: "one.tag({tags -> tags.zone = tags.side}).sum(['service', 'zone'])"}
  - {name: kinds, exp: "one.count(['service', 'zone'])"}
  - {name: grown, exp: "two.sum(['service']).increase('PT1M')"}
  - {name: shares, exp: "one.sum(['service']).safeDiv(two.sum(['service']))"}
"""
FILES = [load(RULES), read(JOINED), read(CHOSEN)]
edge_labels = st.sampled_from(
    [
        (("side", "client"), ("a", "p1"), ("b", "p2"), ("c", "49")),
        (("side", "server"), ("a", "p1"), ("b", "p2"), ("c", "49"), ("zone", "x")),
        (("c", "49"), ("side", "client"), ("b", "p2"), ("a", "p1"), ("zone", "y")),
    ]
)
joined_meters = st.builds(
    Single, st.sampled_from(["one", "two"]), edge_labels, st.integers(-3, 9).map(float)
)


def merged_all(analyses: Iterable[Analysis]) -> dict[object, Partial]:
    """Every partial, put together with all others of the same metric, entity, side, minute."""
    found: dict[object, Partial] = {}
    for analysis in analyses:
        for each in analysis.partials:
            key = (each.metric, each.entity, each.side, each.minute_s)
            found[key] = merge(found[key], each) if key in found else each
    return found


@settings(max_examples=40)  # each example plans every rule twice
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["i1", "i2"]),
            st.integers(59_998, 60_003),
            st.lists(meters | joined_meters, max_size=6).map(tuple),
        ),
        max_size=6,
    )
)
def test_many_collections_in_one_pass_are_as_each_alone(
    reports: list[tuple[str, int, tuple[Meter, ...]]],
) -> None:
    """Whoever sent them, equal or not, in one minute or two, with operands absent here or there."""
    collections = [Collection("service", *each) for each in reports]
    messages = [collection_message(each).SerializeToString() for each in collections]
    together = Analyzer(FILES, NoCluster()).admit(messages)
    alone = Analyzer(FILES, NoCluster())
    analyses = [alone.admit([message]) for message in messages]

    assert merged_all(analyses) == merged_all([together])
    assert {each for one in analyses for each in one.relations} == set(together.relations)
    assert sum((settled(one) for one in analyses), Counter()) == settled(together)


def settled(analysis: Analysis) -> Counter[str]:
    """Its tally but for refused labels: one pass plans an operand that one report may lack."""
    return Counter({k: n for k, n in analysis.tally.items() if n and k != REFUSED_LABELS})


@pytest.mark.parametrize(("live", "evicted"), [(60, 0), (10, 121)])
def test_what_is_alive_gets_room_and_what_churns_does_not(live: int, evicted: int) -> None:
    """A full table grows when most of it was reported lately, and is emptied otherwise."""
    table = LabelTable(10_000, room=100)
    ids = np.array([table.intern((("peer", str(number)),)) for number in range(120)])
    table.touch(ids, 1)
    table.touch(ids[:live], 1000)

    assert bool(evicted) == table.trim(1000)
    assert evicted == table.evicted


@given(st.lists(meters, max_size=8), st.integers(-(2**63), 2**63 - 1))
def test_no_report_raises(found: list[Meter], timestamp_ms: int) -> None:
    """Whatever a report holds, it is analysed, and every number fits storage."""
    analysis = network_profiling().analyze(report(*found, timestamp_ms=timestamp_ms))
    numbers = [
        number
        for partial in analysis.partials
        for number in (partial.total, partial.count, *partial.table.values())
    ]

    assert [] == [number for number in numbers if not 0 <= number < 2**63]
