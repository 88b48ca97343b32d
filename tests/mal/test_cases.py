"""Runs the scripts of tests/mal/cases."""

from collections import Counter

import numpy as np
import pytest

from podwire.kube.names import NoCluster
from podwire.mal.batch import Reader
from podwire.mal.check import check_expression, metrics
from podwire.mal.errors import RuleError, Source
from podwire.mal.functions import World
from podwire.mal.labels import LabelTable
from podwire.mal.passes import fold
from podwire.mal.plan import plan
from podwire.mal.processes import Processes
from podwire.mal.rules import read
from podwire.mal.text.parser import parse

from .edges import report
from .script import Case, Sample, cases, sample


def evaluate(case: Case) -> list[Sample]:
    """The samples an expression gives, without what every sample of a report carries."""
    tree = fold(parse(Source(case.text)))
    check_expression(tree)
    world = World(LabelTable(), Processes(NoCluster()), Counter())
    reader = Reader(world.table, set(metrics(tree)))
    with np.errstate(all="ignore"):
        family = plan(tree, world)(reader.read(report(*case.meters)))
    if family is None:
        return []
    weights = [None] * len(family.ids) if family.weights is None else family.weights.tolist()
    labels = [
        frozenset(each for each in world.table[identity] if each[0] not in ("service", "instance"))
        for identity in family.ids.tolist()
    ]
    return list(zip(labels, family.values.tolist(), weights, strict=True))


def by_labels(samples: list[Sample]) -> list[Sample]:
    """In an order that does not depend on the engine."""
    return sorted(samples, key=lambda each: sorted(each[0]))


@pytest.mark.parametrize("case", cases("eval"), ids=lambda case: case.place)
def test_eval(case: Case) -> None:
    """An expression gives these samples."""
    expected = [] if case.expected == ("empty",) else [sample(line) for line in case.expected]

    assert by_labels(expected) == by_labels(evaluate(case))


@pytest.mark.parametrize("case", cases("fail"), ids=lambda case: case.place)
def test_fail(case: Case) -> None:
    """An expression is refused, and the error points at this place."""
    with pytest.raises(RuleError) as caught:
        check_expression(fold(parse(Source(case.text))))

    check_error(case.expected[0], caught.value)


@pytest.mark.parametrize("case", cases("refuse"), ids=lambda case: case.place)
def test_refuse(case: Case) -> None:
    """A rule file is refused whole, and the error points at this place of the file."""
    with pytest.raises(RuleError) as caught:
        read("\n".join(case.expected[:-1]) + "\n", "rules/case.yaml")

    check_error(case.expected[-1].removeprefix("=> "), caught.value)
    assert str(caught.value).startswith("rules/case.yaml:")


def check_error(expected: str, error: RuleError) -> None:
    """Compare an error with a script's line about it."""
    place, _, message = expected.partition(" ")
    assert place == f"{error.line}:{error.column}", error
    assert error.message.startswith(message), error
