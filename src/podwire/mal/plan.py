"""
A checked tree becomes a plan: steps over columns, everything about labels looked up.

In: the tree of a rule.  Out: a `Step`, which takes a batch and gives a family or EMPTY (None).
"""

from collections.abc import Callable

import numpy as np

from podwire.mal import family
from podwire.mal.family import Column, Family
from podwire.mal.functions import FUNCTIONS, Batch, Step, World
from podwire.mal.labels import by_name
from podwire.mal.text import syntax


def plan(tree: syntax.Expression, world: World) -> Step:
    """The steps of an expression."""
    match tree:
        case syntax.Metric(name):
            return lambda batch: batch.get(name)
        case syntax.Call():
            return _plan_call(tree, world)
        case syntax.Negate(operand):
            return _scaled(plan(operand, world), np.negative)
        case syntax.Binary(op, left, syntax.Number(value)):
            arithmetic = ARITHMETIC[op]
            return _scaled(plan(left, world), lambda values: arithmetic(values, value))
        case syntax.Binary(op, syntax.Number(value), right):
            arithmetic = ARITHMETIC[op]
            return _scaled(plan(right, world), lambda values: arithmetic(np.float64(value), values))
        case syntax.Binary(op, left, right):
            return _joined(op, plan(left, world), plan(right, world), world)
        case _:
            raise TypeError(f"not checked: {tree!r}")


def _plan_call(call: syntax.Call, world: World) -> Step:
    before = plan(call.target, world)
    families = (each for each in call.arguments if isinstance(each, syntax.Expression))
    steps = tuple(plan(each, world) for each in families)
    transform = FUNCTIONS[call.title].plan(call, world, steps)

    def step(batch: Batch) -> Family | None:
        given = before(batch)
        return None if given is None else transform(given, batch)

    return step


ARITHMETIC: dict[str, Callable[..., Column]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}

EITHER_EMPTY: dict[str, Callable[[Family | None, Family | None], Family | None]] = {
    "+": lambda left, right: left or right,
    "-": lambda left, right: left or (family.scale(right, -1.0) if right else None),
    "*": lambda _left, _right: None,
    "/": lambda left, _right: family.with_values(left, left.values / 0.0) if left else None,
}
"""What an operator makes of two families of which at least one is EMPTY."""


def _scaled(before: Step, arithmetic: Callable[[Column], Column]) -> Step:
    def step(batch: Batch) -> Family | None:
        given = before(batch)
        return None if given is None else family.with_values(given, arithmetic(given.values))

    return step


def _joined(op: str, left: Step, right: Step, world: World) -> Step:
    """Each left sample with the first right sample of equal labels; others are dropped."""
    canonical = world.table.relabel("by_name", by_name)

    def step(batch: Batch) -> Family | None:
        one, other = left(batch), right(batch)
        if one is None or other is None:
            return EITHER_EMPTY[op](one, other)
        at, matched = family.first_of(canonical(other.ids), canonical(one.ids))
        values = np.where(matched, ARITHMETIC[op](one.values, other.values[at]), np.nan)
        return family.build(one.ids, values)

    return step
