"""Runs the scripts of tests/mal/cases."""

import json
from collections import Counter

import numpy as np
import pytest

from podwire.kube.names import NoCluster
from podwire.mal.check import check
from podwire.mal.errors import RuleError, Source
from podwire.mal.evaluate import Outcome, Sample, evaluate, families_of, samples_of, subject_json
from podwire.mal.family import MILLISECOND_MS, SECOND_MS
from podwire.mal.labels import LabelTable
from podwire.mal.passes import fold
from podwire.mal.plan import plan
from podwire.mal.processes import Mocked, Processes
from podwire.mal.rules import read
from podwire.mal.step.world import World
from podwire.mal.text.parser import parse

from .script import REPORTER, Case, Expected, cases, sample

SCOPE = "expSuffix: service(['service'], Layer.GENERAL)"


def rules_of(case: Case) -> str:
    """A rule file around an expression; without a header it is of the reporter's service."""
    header = "\n".join(case.setting.header or (SCOPE,))
    prefix = "" if "metricPrefix" in header else "metricPrefix: p\n"
    return f"{prefix}{header}\nmetricsRules:\n  - name: x\n    exp: |-\n      {case.text}\n"


def outcome(case: Case) -> Outcome:
    """What the rule gives for the last of a script's batches."""
    setting = case.setting
    processes = (Mocked if setting.world == "stub" else Processes)(NoCluster())
    unit_ms = SECOND_MS if setting.unit == "seconds" else MILLISECOND_MS
    found = evaluate(
        rules_of(case),
        "case.yaml",
        setting.batches,
        processes,
        unit_ms=unit_ms,
        clock=lambda: setting.now_s,
    )
    return found["p_x"]


def told(samples: list[Sample]) -> list[Expected]:
    """Samples without what every sample of a report carries, in no order."""
    found = [
        (
            frozenset(label for label in each.labels if label not in REPORTER),
            each.value,
            each.weight,
        )
        for each in samples
    ]
    return sorted(found, key=lambda each: (sorted(each[0]), each[1]))


def wanted(case: Case) -> list[Expected]:
    """The samples a script expects, in no order."""
    lines = () if case.expected == ("empty",) else case.expected
    return sorted(map(sample, lines), key=lambda each: (sorted(each[0]), each[1]))


@pytest.mark.parametrize("case", cases("eval"), ids=lambda case: case.place)
def test_eval(case: Case) -> None:
    """An expression gives these samples, or fails at this place because of them."""
    found = outcome(case)

    if case.expected and case.expected[0].startswith("fails "):
        assert found.error is not None
        check_error(case.expected[0].removeprefix("fails "), found.error.message)
    else:
        assert found.error is None, found.error
        assert wanted(case) == told(list(found.samples))


@pytest.mark.parametrize("case", cases("spare"), ids=lambda case: case.place)
def test_spare(case: Case) -> None:
    """A running backend drops what a rule cannot handle, and nothing else."""
    world = World(LabelTable(), Processes(NoCluster()), Counter())
    tree = fold(parse(Source(case.text)))
    check(tree)
    batch = families_of(case.setting.batches[-1], world.table, MILLISECOND_MS)
    with np.errstate(all="ignore"):
        result = plan(tree, world)(batch)

    samples = [] if result is None else list(samples_of(result, world.table))
    assert wanted(case) == told(samples)
    assert sum(world.losses.values()) > 0


@pytest.mark.parametrize("case", cases("entities"), ids=lambda case: case.place)
def test_entities(case: Case) -> None:
    """The scope call of an expression finds these subjects."""
    found = [json.dumps(subject_json(each), sort_keys=True) for each in outcome(case).subjects]

    expected = [json.dumps(json.loads(line), sort_keys=True) for line in case.expected]
    assert sorted(expected) == sorted(found)


@pytest.mark.parametrize("case", cases("metric"), ids=lambda case: case.place)
def test_metric(case: Case) -> None:
    """An expression defines a metric of this function, scope and these ranks."""
    (metric,) = read(rules_of(case)).metrics

    words = [metric.function, metric.scope, *map(str, metric.ranks)]
    assert case.expected[0].split() == words


@pytest.mark.parametrize("case", cases("fail"), ids=lambda case: case.place)
def test_fail(case: Case) -> None:
    """An expression is refused, and the error points at this place."""
    with pytest.raises(RuleError) as caught:
        check(fold(parse(Source(case.text))))

    check_place(case.expected[0], caught.value)


@pytest.mark.parametrize("case", cases("refuse"), ids=lambda case: case.place)
def test_refuse(case: Case) -> None:
    """A rule file is refused whole, and the error points at this place of the file."""
    with pytest.raises(RuleError) as caught:
        read("\n".join(case.expected[:-1]) + "\n", "rules/case.yaml")

    check_place(case.expected[-1].removeprefix("=> "), caught.value)
    assert str(caught.value).startswith("rules/case.yaml:")


def check_place(expected: str, error: RuleError) -> None:
    """Compare an error with a script's line about it."""
    place, _, message = expected.partition(" ")
    assert place == f"{error.line}:{error.column}", error
    check_error(message, error.message)


def check_error(expected: str, message: str) -> None:
    """An error's message begins so."""
    assert message.startswith(expected), message
