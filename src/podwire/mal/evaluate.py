"""
Runs a rule file over batches that somebody wrote down, to see what it makes of them.

In: rule text, batches, the world around them.  Out: what each rule gives for the last batch,
exactly as the language says: a sample that a rule cannot handle fails the rule.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from podwire.mal import family
from podwire.mal.check import metrics
from podwire.mal.errors import RuleError, SampleError
from podwire.mal.family import About, Family
from podwire.mal.labels import Labels, LabelTable
from podwire.mal.layers import KNOWN
from podwire.mal.plan import plan
from podwire.mal.processes import Processes
from podwire.mal.rules import Rule, draft
from podwire.mal.step.scope import Scoped, subjects
from podwire.mal.step.window import Windows
from podwire.mal.step.world import Batch, Step, World
from podwire.mal.subject import Subject

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One number under its labels."""

    labels: Labels
    value: float
    weight: float | None = None
    """Of a weighted result; its value is the weighted sum."""


@dataclass(frozen=True, slots=True)
class Written:
    """A batch as it was written down."""

    timestamp_ms: int
    samples: Mapping[str, Sequence[Sample]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule gives: subjects and samples, or why not."""

    subjects: Sequence[Subject] = ()
    samples: Sequence[Sample] = ()
    error: RuleError | SampleError | None = None


class BatchError(Exception):
    """A batch that is none; says which line and why."""


def read_batches(lines: Iterable[str]) -> list[Written]:
    """Batches as JSON, one a line. Raises `BatchError`."""
    batches = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                batches.append(_batch(json.loads(line)))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                raise BatchError(f"line {number} is no batch: {error!r}") from error
    return batches


def _batch(read: Json) -> Written:
    families = {
        str(name): [Sample(_labels(each.get("labels", {})), float(each["value"])) for each in found]
        for name, found in read.get("samples", {}).items()
    }
    return Written(int(read["timestamp_ms"]), families)


def _labels(read: Mapping[str, Any]) -> Labels:
    for key, value in read.items():
        if not isinstance(value, str):
            raise TypeError(f"label {key} is no text")
    return tuple(read.items())


def evaluate(
    text: str,
    file: str,
    batches: Sequence[Written],
    processes: Processes,
    *,
    unit_ms: float,
    clock: Callable[[], float],
) -> dict[str, Outcome]:
    """Every rule's outcome of the last batch. Raises `RuleError` for what is no rule file."""
    layers, attempts = draft(text, file)
    known = frozenset((*KNOWN, *(layer.name for layer in layers)))
    world = World(LabelTable(), processes, Counter(), clock=clock, layers=known, strict=True)
    families = [families_of(batch, world.table, unit_ms) for batch in batches]
    names: Counter[str] = Counter()
    outcomes = {}
    for attempt in attempts:
        names[attempt.name] += 1
        number = names[attempt.name]
        name = attempt.name if number == 1 else f"{attempt.name}_{number}"
        outcomes[name] = _outcome(attempt.result, families, world)
    return outcomes


def families_of(batch: Written, table: LabelTable, unit_ms: float) -> Batch:
    """A batch as plans take it."""
    built = {
        name: family.build(
            np.array([table.intern(each.labels) for each in samples], np.int64),
            np.array([each.value for each in samples], np.float64),
            about=About(name, unit_ms),
        )
        for name, samples in batch.samples.items()
    }
    return Batch({name: each for name, each in built.items() if each}, batch.timestamp_ms)


def _outcome(rule: Rule | RuleError, batches: Sequence[Batch], world: World) -> Outcome:
    if isinstance(rule, RuleError):
        return Outcome(error=rule)
    wanted = frozenset(metrics(rule.tree))
    outcome = Outcome()
    step = plan(rule.tree, replace(world, windows=Windows()), rule.kept)
    for batch in batches:
        outcome = _one(step, batch, world) if wanted & batch.families.keys() else Outcome()
    return outcome


def _one(step: Step, batch: Batch, world: World) -> Outcome:
    try:
        with np.errstate(all="ignore"):
            result = step(batch)
        if result is None:
            return Outcome()
        return Outcome(list(_subjects(result, world)), list(samples_of(result, world.table)))
    except SampleError as error:
        return Outcome(error=error)


def _subjects(result: Family, world: World) -> Iterator[Subject]:
    if isinstance(result.about.scoped, Scoped):
        for _, subject in subjects(result.about.scoped, world):
            yield subject


def samples_of(result: Family, table: LabelTable) -> Iterator[Sample]:
    """A family as it is read."""
    weights = [None] * len(result.ids) if result.weights is None else result.weights.tolist()
    for identity, *numbers in zip(
        result.ids.tolist(), result.values.tolist(), weights, strict=True
    ):
        yield Sample(table[identity], *numbers)


# As JSON.


def outcome_json(outcome: Outcome) -> Json:
    """An outcome for programs."""
    return {
        "entities": [subject_json(each) for each in outcome.subjects],
        "samples": [{"labels": dict(each.labels), "value": each.value} for each in outcome.samples],
        "error": None if outcome.error is None else error_json(outcome.error),
    }


def error_json(error: RuleError | SampleError) -> Json:
    """When it was found (`load` or `run`), what it is, and where."""
    line, column = error.span.source.place(error.span.start)
    kind = "load" if isinstance(error, RuleError) else "run"
    return {"kind": kind, "message": error.message, "line": line, "column": column}


def subject_json(subject: Subject) -> Json:
    """A subject's fields; absent ones are left out."""
    fields: Json = {
        "scope": subject.scope.value,
        "service": subject.service,
        "instance": subject.instance,
        "endpoint": subject.endpoint,
        "process": subject.process,
        **_ends(subject),
        "detect_point": subject.detect_point,
        "component": subject.component,
        "layer": subject.layer,
        "attrs": dict(subject.attributes) or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _ends(subject: Subject) -> Json:
    """Both ends of a relation; a relation of processes is reported by one service's instance."""
    if subject.source is not None:
        return {"source": {"process_id": subject.source}, "dest": {"process_id": subject.target}}
    if subject.target_service is None:
        return {}
    source = {"service": subject.service, "instance": subject.instance}
    target = {"service": subject.target_service, "instance": subject.target_instance}
    return {
        "service": None,
        "instance": None,
        "source": {key: value for key, value in source.items() if value is not None},
        "dest": {key: value for key, value in target.items() if value is not None},
    }
