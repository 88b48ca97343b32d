"""
A checked tree becomes a plan: steps over columns, everything about labels looked up.

In: the tree of a rule.  Out: a `Step`, which takes a batch and gives a family or EMPTY (None).
"""

from functools import partial
from math import floor

from podwire.mal import family
from podwire.mal.closure import run
from podwire.mal.closure.check import Use
from podwire.mal.closure.touch import may_touch
from podwire.mal.errors import SampleError
from podwire.mal.family import Family
from podwire.mal.functions import FUNCTIONS
from podwire.mal.labels import BOUND, FAILED, Labels
from podwire.mal.passes import is_scalar
from podwire.mal.step.arithmetic import (
    Scalar,
    calculate,
    from_number,
    joined,
    negate,
    with_number,
)
from podwire.mal.step.world import Batch, Step, World
from podwire.mal.text import syntax


def plan(tree: syntax.Expression, world: World, kept: syntax.Closure | None = None) -> Step:
    """The steps of an expression over what a file's filter keeps."""
    match tree:
        case syntax.Metric(name):
            return _plan_metric(name, world, kept)
        case syntax.Call():
            return _plan_call(tree, world, kept)
        case syntax.Negate(operand):
            return negate(plan(operand, world, kept))
        case syntax.Binary(op, left, right) if is_scalar(right):
            return with_number(op, plan(left, world, kept), plan_scalar(right, world))
        case syntax.Binary(op, left, right) if is_scalar(left):
            return from_number(op, plan_scalar(left, world), plan(right, world, kept))
        case syntax.Binary(op, left, right):
            return joined(op, plan(left, world, kept), plan(right, world, kept), world)
        case _:
            raise TypeError(f"not checked: {tree!r}")


def plan_scalar(tree: syntax.Expression, world: World) -> Scalar:
    """A number that is known when the batch is there."""
    match tree:
        case syntax.Number(value):
            return lambda _batch: value
        case syntax.Negate(operand):
            number = plan_scalar(operand, world)
            return lambda batch: -number(batch)
        case syntax.Binary(op, left, right):
            one, other = plan_scalar(left, world), plan_scalar(right, world)
            return lambda batch: calculate(op, one(batch), other(batch))
        case _:
            return lambda _batch: float(floor(world.clock()))


def _plan_metric(name: str, world: World, kept: syntax.Closure | None) -> Step:
    if kept is None:
        return lambda batch: batch.get(name)
    column = (
        world.table.relabel_seeing
        if may_touch(BOUND, (), kept, Use.FILTER)
        else world.table.relabel
    )
    passes = column(("filter", kept), partial(_passing, kept, world))

    def step(batch: Batch) -> Family | None:
        given = batch.get(name)
        return None if given is None else family.select(given, passes(given.ids) != FAILED)

    return step


def _passing(kept: syntax.Closure, world: World, labels: Labels) -> Labels | None:
    """A sample that the filter cannot judge does not pass."""
    try:
        return labels if run.keep(kept, world.processes, labels) else None
    except SampleError:
        world.losses["filter_failed"] += 1
        return None


def _plan_call(call: syntax.Call, world: World, kept: syntax.Closure | None) -> Step:
    function = FUNCTIONS[call.title]
    if function.operator:
        (argument,) = call.arguments
        if isinstance(argument, syntax.Expression):
            return plan(syntax.Binary(function.operator, call.target, argument), world, kept)
    before = plan(call.target, world, kept)
    families = (each for each in call.arguments if isinstance(each, syntax.Expression))
    steps = tuple(plan(each, world, kept) for each in families if _is_read(each))
    transform = function.plan(call, world, steps)

    def step(batch: Batch) -> Family | None:
        given = before(batch)
        return None if given is None else transform(given, batch)

    return step


def _is_read(argument: syntax.Expression) -> bool:
    """Numbers and the words of `downsampling` are no families."""
    return not is_scalar(argument)
