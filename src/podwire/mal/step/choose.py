"""Filters: which samples of a family stay, by their labels or by their value."""

from collections.abc import Callable, Mapping

import numpy as np

from podwire.mal import family
from podwire.mal.closure.java import compile_regex
from podwire.mal.family import Family, rank
from podwire.mal.labels import BOUND, FAILED, Labels
from podwire.mal.step.world import Batch, Plan, Step, Transform, World, text
from podwire.mal.text import syntax

Test = Callable[[str, str], bool]
"""Of a label's value and what the rule compares it with; null and a missing label are empty."""


def _matches(value: str, pattern: str) -> bool:
    return compile_regex(pattern).fullmatch(value) is not None


TESTS: Mapping[str, Test] = {
    "tagEqual": lambda value, wanted: value == wanted,
    "tagNotEqual": lambda value, wanted: value != wanted,
    "tagMatch": _matches,
    "tagNotMatch": lambda value, pattern: not _matches(value, pattern),
}

COMPARISONS: Mapping[str, Callable[..., object]] = {
    "valueEqual": np.equal,
    "valueNotEqual": np.not_equal,
    "valueGreater": np.greater,
    "valueGreaterEqual": np.greater_equal,
    "valueLess": np.less,
    "valueLessEqual": np.less_equal,
}


def plan_labels(name: str) -> Plan:
    """A filter by labels: every pair of label and wanted value must pass."""
    test = TESTS[name]

    def plan(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
        del steps
        pairs = {text(call, at): text(call, at + 1) for at in range(0, len(call.arguments), 2)}

        def passes(labels: Labels) -> Labels | None:
            values = dict(labels)
            kept = all(test(values.get(key, ""), wanted) for key, wanted in pairs.items())
            return labels if kept else None

        column = world.table.relabel_seeing if BOUND in pairs else world.table.relabel
        chosen = column((name, tuple(pairs.items())), passes)
        return lambda before, _batch: family.select(before, chosen(before.ids) != FAILED)

    return plan


def plan_values(name: str) -> Plan:
    """A filter by value, in the order of doubles that tells minus zero from zero."""
    compare = COMPARISONS[name]

    def plan(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
        del world, steps
        (argument,) = call.arguments
        if not isinstance(argument, syntax.Number):
            raise TypeError(argument)
        wanted = rank(argument.value)

        def choose(before: Family, _batch: Batch) -> Family | None:
            kept = np.asarray(compare(rank(before.values), wanted), np.bool_)
            return family.select(before, kept)

        return choose

    return plan
