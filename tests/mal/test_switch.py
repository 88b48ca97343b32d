"""Rules that change while samples arrive."""

from collections.abc import Sequence

from podwire.kube.names import NoCluster
from podwire.mal import Analyzer, Switching
from podwire.mal.rules import read
from podwire.model.meter import Collection, Single
from podwire.wire.meter import collection_message

ALWAYS = {"since_ms": -(2**62), "until_ms": 2**62}
RULE = """
metricPrefix: p
expSuffix: service(['service'], Layer.GENERAL)
metricsRules:
  - {name: %s, exp: "m%s.downsampling(SUM)"}
"""


def analyzer(name: str, tail: str = "") -> Analyzer:
    """One rule over `m`."""
    return Analyzer([read(RULE % (name, tail))], NoCluster())


def reports(*times_s: int) -> Sequence[bytes]:
    """A collection a time, each with the value 1."""
    return [
        collection_message(
            Collection("shop", "shop-0", time_s * 1000, (Single("m", (), 1.0),))
        ).SerializeToString()
        for time_s in times_s
    ]


def test_each_sample_is_counted_by_the_rules_of_its_minute() -> None:
    """Before the boundary by the old ones, from it on by the new; never by both."""
    now_ms = [61_000]
    switching = Switching(analyzer("old"), lambda: now_ms[0])
    assert 120_000 == switching.switch(analyzer("new"))
    found = [
        (each.metric, each.minute_s, each.total)
        for batch in ((60, 119), (120, 61, 179), (119, 121))
        for each in switching.admit(reports(*batch), **ALWAYS).partials
    ]

    totals: dict[tuple[str, int], int] = {}
    for metric, minute_s, total in found:
        totals[metric, minute_s] = totals.get((metric, minute_s), 0) + total
    assert {("p_old", 60): 4, ("p_new", 120): 3} == totals


def test_the_old_rules_are_gone_when_nothing_of_theirs_can_come() -> None:
    """Two minutes after the boundary a straggler is counted by the new rules."""
    now_ms = [61_000]
    switching = Switching(analyzer("old"), lambda: now_ms[0])
    switching.switch(analyzer("new"))
    now_ms[0] = 240_001

    assert ["p_new"] == [each.metric for each in switching.admit(reports(61), **ALWAYS).partials]


def test_what_is_refused_is_counted_once() -> None:
    """Two analyzers look at each message; the counts are as of one."""
    switching = Switching(analyzer("old"), lambda: 61_000)
    switching.switch(analyzer("new"))
    messages = [*reports(60, 120, 1, 999), b"\xff"]
    tally = switching.admit(messages, since_ms=50_000, until_ms=500_000).tally

    wanted = ("meter_refused_time_total", "meter_refused_malformed_total", "meter_total")
    assert [2, 1, 2] == [tally[name] for name in wanted]


def test_a_change_of_mind_within_the_minute_leaves_the_first_rules_until_then() -> None:
    """Of two changes before the boundary only the last takes over."""
    switching = Switching(analyzer("old"), lambda: 61_000)
    switching.switch(analyzer("wrong"))
    switching.switch(analyzer("new"))

    found = switching.admit(reports(119, 120), **ALWAYS).partials
    assert {"p_old", "p_new"} == {each.metric for each in found}


def test_counters_go_on_over_a_change() -> None:
    """A rule that stays knows what it knew: its counters do not start anew."""
    old = analyzer("same", ".increase('PT1M')")
    switching = Switching(old, lambda: 61_000)
    switching.admit(reports(61, 62), **ALWAYS)
    switching.switch(old.successor([read(RULE % ("same", ".increase('PT1M')"))]))
    message = collection_message(
        Collection("shop", "shop-0", 121_000, (Single("m", (), 8.0),))
    ).SerializeToString()

    assert [7] == [each.total for each in switching.admit([message], **ALWAYS).partials]
