"""What gives samples other labels: closures, Kubernetes' names, and bounds of buckets."""

from functools import partial

import numpy as np

from podwire.mal import family
from podwire.mal.closure import java, run
from podwire.mal.closure.check import Use
from podwire.mal.closure.touch import may_touch
from podwire.mal.errors import SampleError
from podwire.mal.family import MILLISECOND_MS, Family
from podwire.mal.labels import BOUND, BOUND_MASK, FAILED, NO_BOUND, Labels, Relabel
from podwire.mal.step.world import Batch, Step, Transform, World, text, texts
from podwire.mal.text import syntax

TIME_UNITS = {
    "MILLISECONDS": MILLISECOND_MS,
    "SECONDS": 1_000.0,
    "MINUTES": 60_000.0,
    "HOURS": 3_600_000.0,
    "DAYS": 86_400_000.0,
}
"""In milliseconds; a finer unit would make every bound 0."""


def plan_for_each(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """A closure rewrites the labels, once per element of the list."""
    del steps
    elements, body = texts(call, 0), closure_of(call, 1)
    function = world.spare(partial(run.for_each, elements, body, world.processes))
    seeing = may_touch(BOUND, elements, body)
    column = world.table.relabel_seeing if seeing else world.table.relabel
    return relabelled(column(("forEach", call.arguments), function), world)


def plan_tag(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """A closure rewrites the labels, or returns others."""
    del steps
    body = closure_of(call, 0)
    function = world.spare(partial(run.tag, body, world.processes))
    seeing = may_touch(BOUND, (), body, Use.TAG)
    column = world.table.relabel_seeing if seeing else world.table.relabel
    return relabelled(column(("tag", body), function), world)


def closure_of(call: syntax.Call, at: int) -> syntax.Closure:
    """A closure among the arguments."""
    argument = call.arguments[at]
    if not isinstance(argument, syntax.Closure):
        raise TypeError(argument)
    return argument


def plan_retag(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """The service of a pod becomes a label."""
    del steps
    label, pod, namespace = text(call, 0), text(call, 2), text(call, 3)

    def retag(labels: Labels) -> Labels:
        values = dict(labels)
        where = values.get(pod, ""), values.get(namespace, "")
        return (
            with_label(labels, label, world.processes.service_of(*where)) if all(where) else labels
        )

    column = world.table.relabel_seeing if BOUND in (label, pod, namespace) else world.table.relabel
    return relabelled(column(("retag", label, pod, namespace), retag), world)


def with_label(labels: Labels, key: str, value: str) -> Labels:
    """
    The same labels with one more, or with another value of it.

    >>> with_label((("a", "1"), ("b", "2")), "a", "3")
    (('a', '3'), ('b', '2'))
    """
    return tuple((dict(labels) | {key: value}).items())


def relabelled(relabel: Relabel, world: World) -> Transform:
    """Samples whose labels could not be made are dropped and counted."""

    def transform(before: Family, _batch: Batch) -> Family | None:
        ids = relabel(before.ids)
        world.losses["labels_refused"] += int((ids == FAILED).sum())
        return family.with_ids(before, ids)

    return transform


def plan_histogram(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """Bounds become whole milliseconds in the label `le`; the values stay."""
    del steps
    key = text(call, 0) if call.arguments else BOUND
    unit_ms = _unit_or_none(call)

    def transform(before: Family, batch: Batch) -> Family | None:
        factor = before.about.unit_ms if unit_ms is None else unit_ms
        ordered = sort_buckets(before, key, world) if world.strict else before
        return relabelled(_rebound(key, factor, call, world), world)(ordered, batch)

    return transform


def _unit_or_none(call: syntax.Call) -> float | None:
    match call.arguments:
        case (_, syntax.Enum(_, name)):
            return TIME_UNITS[name]
        case _:
            return None


def _rebound(key: str, factor: float, call: syntax.Call, world: World) -> Relabel:
    def whole(value: str) -> str:
        try:
            return whole_bound(value, factor)
        except ValueError as error:
            raise SampleError(f"{key}: {error}", call.span) from None

    def rename(labels: Labels) -> Labels:
        values = dict(labels)
        if key not in values:
            return labels
        bound = whole(values.pop(key))
        if BOUND in values:
            raise SampleError(f"there is a label {BOUND} beside {key}", call.span)
        return (*values.items(), (BOUND, bound))

    if key == BOUND:
        return world.table.rebound(("histogram", factor), world.spare(whole))
    named = ("histogram", key, factor)
    return world.table.relabel_seeing(named, world.spare(rename))


def whole_bound(text: str, factor: float = 1.0) -> str:
    """
    A bound as a whole number, as Java casts it. Raises `ValueError`.

    >>> [whole_bound(text) for text in ("10000.9", "1.0E7", "Infinity")]
    ['10000', '10000000', '9223372036854775807']
    """
    return str(java.to_long(java.parse_double(text) * factor))


def sort_buckets(before: Family, key: str, world: World) -> Family:
    """What has no bound comes first, then the buckets by their bound; equal ones as they came."""
    if key == BOUND:
        bounds = before.ids & BOUND_MASK
        values = world.table.bound_values(bounds)
        return family.take(before, np.lexsort((values, bounds != NO_BOUND)))
    keys = [_sort_key(dict(world.table[each]).get(key)) for each in before.ids.tolist()]
    return family.take(before, np.array(sorted(range(len(keys)), key=keys.__getitem__)))


def _sort_key(text: str | None) -> tuple[int, float]:
    try:
        return (0, 0.0) if text is None else (1, java.parse_double(text))
    except ValueError:
        return 1, 0.0  # the next step refuses it
