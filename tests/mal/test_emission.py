"""What samples become for storage: every function, every scope."""

from collections import Counter

import pytest

from podwire.kube.names import NoCluster
from podwire.mal import Analyzer
from podwire.mal.errors import Source
from podwire.mal.evaluate import Sample, Written, evaluate
from podwire.mal.processes import Processes
from podwire.mal.rules import read
from podwire.mal.step.scope import scope_of
from podwire.mal.subject import Namer, subject_of
from podwire.mal.text.parser import parse_chain
from podwire.model.meter import Histogram, Single
from podwire.model.metric import Merge, Partial, Side

from .edges import report

SERVICE = "c2VydmljZQ==.1"
SUFFIX = "expSuffix: service(['service'], Layer.GENERAL)"


def partials(exp: str, *values: float, key: str = "code") -> tuple[Partial, ...]:
    """What a rule stores of samples of `m` with the codes 0, 1, ..."""
    text = f'metricPrefix: p\n{SUFFIX}\nmetricsRules:\n  - {{name: x, exp: "{exp}"}}\n'
    analyzer = Analyzer([read(text)], NoCluster())
    meters = [Single("m", ((key, str(at)),), value) for at, value in enumerate(values)]
    return analyzer.analyze(report(*meters)).partials


LABELED = {"{code=0}": 3, "{code=1}": 5}


@pytest.mark.parametrize(
    ("word", "total", "count", "merge", "time_ms"),
    [
        ("AVG", 8, 1, Merge.ADD, 0),
        ("SUM", 8, 0, Merge.ADD, 0),
        ("SUM_PER_MIN", 8, 0, Merge.ADD, 0),
        ("MAX", 8, 0, Merge.MAX, 0),
        ("MIN", 8, 0, Merge.MIN, 0),
        ("LATEST", 8, 0, Merge.LATEST, 61_000),
    ],
)
def test_each_function_has_its_partial(
    word: str, total: int, count: int, merge: Merge, time_ms: int
) -> None:
    """One number, or a table of them; averages with how many values they are of."""
    single = partials(f"m.sum(['service']).downsampling({word})", 3, 5)
    labeled = partials(f"m.sum(['service', 'code']).downsampling({word})", 3, 5)

    fixed = ("p_x", SERVICE, Side.NONE, 60)
    counts = dict.fromkeys(LABELED, 1) if count else {}
    assert (Partial(*fixed, total, count, merge=merge, time_ms=time_ms),) == single
    assert (Partial(*fixed, table=LABELED, counts=counts, merge=merge, time_ms=time_ms),) == labeled


@pytest.mark.parametrize(
    ("tail", "table", "counts"),
    [
        ("downsampling(SUM)", {"0": 4, "10": 0}, {}),
        ("downsampling(AVG)", {"0": 4, "10": 0}, {"0": 1, "10": 1}),
        ("histogram_percentile([50]).downsampling(AVG)", {"0": 4, "10": 0}, {"0": 1, "10": 1}),
        ("histogram_percentile([50]).downsampling(SUM)", {"0": 4}, {}),
    ],
)
def test_histograms_are_tables_by_bound(
    tail: str, table: dict[str, int], counts: dict[str, int]
) -> None:
    """Empty buckets stay where they count: in plain histograms and in averages."""
    exp = f"m.sum(['service', 'le']).histogram().{tail}"
    text = f'metricPrefix: p\n{SUFFIX}\nmetricsRules:\n  - {{name: x, exp: "{exp}"}}\n'
    meter = Histogram("m", (), ((0.0, 4), (10.0, 0)))
    (partial,) = Analyzer([read(text)], NoCluster()).analyze(report(meter)).partials

    assert (table, counts) == (partial.table, partial.counts)


def test_a_single_value_is_the_first_of_its_subject() -> None:
    """Others are not added: MAL adds up only where a rule says sum."""
    assert [3] == [each.total for each in partials("m.downsampling(SUM)", 3, 5)]


def test_of_equal_labels_the_last_stays() -> None:
    """A table has one number for each set of labels."""
    exp = "m.sum(['service', 'code']).tag({ tags -> tags.code = 'all' }).downsampling(SUM)"

    assert [{"{code=all}": 5}] == [each.table for each in partials(exp, 3, 5)]


LABELS = (
    *(("svc", "shop"), ("inst", "i"), ("url", "/x"), ("proc", "nginx"), ("layer", "GENERAL")),
    *(("svc2", "web"), ("inst2", "j")),
)
SHOP, WEB = "c2hvcA==.1", "d2Vi.1"


@pytest.mark.parametrize(
    ("call", "entity"),
    [
        ("service(['svc'], Layer.GENERAL)", SHOP),
        ("service(['none'], Layer.GENERAL)", "X2JsYW5r.1"),
        ("instance(['svc'], ['inst'], Layer.GENERAL)", f"{SHOP}_aQ=="),
        ("endpoint(['svc'], ['url'], Layer.GENERAL)", f"{SHOP}_L3g="),
        (
            "process(['svc'], ['inst'], ['proc'], 'layer')",
            "8154724753a952c5b4344a74e5f1f90c7699f2abad59274c8625093bbd4d92de",
        ),
        (
            "serviceRelation(DetectPoint.CLIENT, ['svc'], ['svc2'], Layer.GENERAL)",
            f"{SHOP}-{WEB}",
        ),
        (
            "serviceInstanceRelation(DetectPoint.CLIENT, ['svc'], ['inst'], ['svc2'], ['inst2'],"
            " Layer.GENERAL)",
            f"{SHOP}_aQ==-{WEB}_ag==",
        ),
    ],
)
def test_ids_are_the_wire_s(call: str, entity: str) -> None:
    """Base64 of names, a dot and 1; an underscore before what is inside; a hash of processes."""
    scope = scope_of(parse_chain(Source(call)))

    assert entity == subject_of(scope, LABELS, Namer(Counter(), frozenset({"GENERAL"}))).entity


def test_properties_are_those_of_the_closure() -> None:
    """Not all labels; and a missing label is no property."""
    text = """
metricPrefix: p
metricsRules:
  - name: x
    exp: |-
      m.instance(['svc'], '.', ['inst'], '.', Layer.GENERAL,
                 { tags -> ['url': tags.url, 'zone': tags.zone] })
"""
    batch = Written(0, {"m": [Sample(LABELS, 1.0)]})
    world = Processes(NoCluster())
    outcome = evaluate(text, "case", [batch], world, unit_ms=1.0, clock=lambda: 0.0)["p_x"]

    assert [(("url", "/x"),)] == [each.properties for each in outcome.subjects]


def test_long_names_are_cut_and_counted() -> None:
    """A name of a megabyte neither fills storage nor fails the rule."""
    losses: Counter[str] = Counter()
    scope = scope_of(parse_chain(Source("service(['svc'], Layer.GENERAL)")))
    subject = subject_of(scope, (("svc", "x" * 1_000_000),), Namer(losses, frozenset()))

    assert ("x" * 70, {"name_cut": 1}) == (subject.service, losses)


def test_buckets_come_sorted() -> None:
    """By their bound as a number, those without one first, equal ones as they came."""
    text = f"metricPrefix: p\n{SUFFIX}\nmetricsRules:\n  - {{name: x, exp: m.histogram()}}\n"
    bounds = ("10", "9", None, "100.5", "9")
    samples = [
        Sample((("service", "s"), *((("le", bound),) if bound else ())), float(at))
        for at, bound in enumerate(bounds)
    ]
    world = Processes(NoCluster())
    batch = Written(0, {"m": samples})
    outcome = evaluate(text, "case", [batch], world, unit_ms=1.0, clock=lambda: 0.0)["p_x"]

    assert [2.0, 1.0, 4.0, 0.0, 3.0] == [each.value for each in outcome.samples]
