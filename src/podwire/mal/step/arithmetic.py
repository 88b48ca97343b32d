"""Operators: between families, and between a family and numbers."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from podwire.mal import family
from podwire.mal.family import SECOND_MS, About, Column, Family
from podwire.mal.labels import by_name
from podwire.mal.step.world import Batch, Step, Transform, World
from podwire.mal.text import syntax

Scalar = Callable[[Batch], float]

OPERATORS: Mapping[str, Callable[..., Column]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}


def calculate(op: str, left: float, right: float) -> float:
    """
    Arithmetic as IEEE 754 has it, division by zero included.

    >>> calculate("/", 1.0, 0.0)
    inf
    """
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _ if right:
            return left / right
        case _:
            return math.copysign(math.inf, left) * math.copysign(1.0, right) if left else math.nan


def negate(before: Step) -> Step:
    """Every value with the other sign."""
    return scaled(before, lambda values, _batch: -values)


def scaled(before: Step, arithmetic: Callable[[Column, Batch], Column]) -> Step:
    """Every value by itself."""

    def step(batch: Batch) -> Family | None:
        given = before(batch)
        return None if given is None else family.with_values(given, arithmetic(given.values, batch))

    return step


def with_number(op: str, before: Step, number: Scalar) -> Step:
    """A family, an operator, a number."""
    function = OPERATORS[op]
    return scaled(before, lambda values, batch: function(values, number(batch)))


def from_number(op: str, number: Scalar, before: Step) -> Step:
    """A number, an operator, a family."""
    function = OPERATORS[op]
    step = scaled(before, lambda values, batch: function(np.float64(number(batch)), values))
    return _afresh(step) if op == "/" else step


def _afresh(before: Step) -> Step:
    """A number divided by a family forgets what the family was about, as SkyWalking has it."""

    def step(batch: Batch) -> Family | None:
        given = before(batch)
        if given is None:
            return None
        return replace(given, about=About(given.about.name, SECOND_MS))

    return step


EITHER_EMPTY: Mapping[str, Callable[[Family | None, Family | None], Family | None]] = {
    "+": lambda left, right: left or right,
    "-": lambda left, right: left or (family.scale(right, -1.0) if right else None),
    "*": lambda _left, _right: None,
    "/": lambda left, _right: family.with_values(left, left.values / 0.0) if left else None,
}
"""What an operator makes of two families of which at least one is EMPTY."""


def joined(op: str, left: Step, right: Step, world: World) -> Step:
    """Each left sample with the first right sample of equal labels; others are dropped."""
    join = joiner(OPERATORS[op], world)

    def step(batch: Batch) -> Family | None:
        one, other = left(batch), right(batch)
        if one is None or other is None:
            return EITHER_EMPTY[op](one, other)
        return join(one, other)

    return step


def joiner(
    function: Callable[[Column, Column], Column], world: World
) -> Callable[[Family, Family], Family | None]:
    """The samples of two families by equal labels."""
    canonical = world.table.relabel("by_name", by_name)

    def join(one: Family, other: Family) -> Family | None:
        at, matched = family.first_of(canonical(other.ids), canonical(one.ids))
        values = np.where(matched, function(one.values, other.values[at]), np.nan)
        return family.build(one.ids, values, about=one.about)

    return join


def plan_negative(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """Another spelling of unary minus."""
    del call, world, steps
    return lambda before, _batch: family.with_values(before, -before.values)


def plan_safe_div(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """Division that gives 0 where it would divide by 0."""
    join = joiner(_safely, world)
    (argument,) = call.arguments
    if isinstance(argument, syntax.Number):
        divisor = np.array([argument.value])
        return lambda before, _batch: family.with_values(before, _safely(before.values, divisor))

    def divide(before: Family, batch: Batch) -> Family | None:
        other = steps[0](batch)
        return None if other is None else join(before, other)

    return divide


def _safely(values: Column, divisors: Column) -> Column:
    return np.where(divisors == 0.0, 0.0, values / divisors)
