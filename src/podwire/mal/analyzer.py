"""
Runs the rules over what agents report.

In: rule files, who knows names, and collections, one or many at a time.  Out: an `Analysis`.
Collections of one pass do not see each other: their numbers are part of every id. Rules of which
that is not known go through them one by one.
"""

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from podwire.mal.batch import ALWAYS, Reader, Reading, Window
from podwire.mal.check import calls, metrics
from podwire.mal.emit import Edge, Emitter, Sightings, Targets
from podwire.mal.family import Families, Family, take
from podwire.mal.labels import LIMIT, LIVE_S, Ids, LabelTable, collection_of
from podwire.mal.layers import KNOWN
from podwire.mal.names import PeerNames, PodServices
from podwire.mal.passes import is_scalar
from podwire.mal.pieces import Piece, Places, partials_of
from podwire.mal.plan import plan
from podwire.mal.processes import Processes
from podwire.mal.rules import Rule, RuleFile, distinct
from podwire.mal.step.choose import COMPARISONS
from podwire.mal.step.window import Windows
from podwire.mal.step.world import Batch, Step, World
from podwire.mal.text import syntax
from podwire.model.meter import Collection
from podwire.model.metric import Metric, Partial, Relation
from podwire.model.process import DetectType, ProcessRecord

RENAME_CHECK_S = 5.0
"""How often addresses are asked for again; a changed name renames their processes."""

SEPARABLE = frozenset(
    {
        *("downsampling", "histogram", "histogram_percentile", "debugDump", "podwire::weight"),
        *("tag", "forEach", "retagByK8sMeta", "tagEqual", "tagNotEqual", "tagMatch", "tagNotMatch"),
        *("sum", "avg", "min", "max", "negative", *COMPARISONS),
        *("service", "instance", "endpoint", "process", "decorate", "processRelation"),
        *("serviceRelation", "serviceInstanceRelation"),
    }
)
"""Functions that treat each sample by its id alone, and so keep collections apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What collections mean."""

    pieces: Sequence[tuple[Piece, Places]]
    """Columns of partials, each with the entities that its rows are about."""

    relations: tuple[Relation, ...]
    """Edges that were not seen in their minute before."""

    virtual: tuple[ProcessRecord, ...]
    """The unreported processes among these edges' ends; pinged at the newest timestamp."""

    tally: Mapping[str, int]
    """What was taken in, refused and clamped."""

    unreadable: tuple[int, ...] = ()
    """Collections, by their place, whose bytes are no message."""

    @property
    def partials(self) -> tuple[Partial, ...]:
        """The pieces as values."""
        return tuple(
            partial for piece, places in self.pieces for partial in partials_of([piece], places)
        )


@dataclass(frozen=True, slots=True)
class _Planned:
    """A rule that can run."""

    step: Step
    emitter: Emitter
    names: frozenset[str]
    is_separable: bool

    def results(self, reading: Reading) -> Iterator[Family]:
        """What it makes of the collections, in one pass or one by one."""
        families = {name: reading.batch[name] for name in self.names if name in reading.batch}
        if not families:
            return
        whole = Batch(families, int(reading.times_ms[0]))
        parts = [whole] if self.is_separable else _one_by_one(families, reading.times_ms)
        for part in parts:
            result = self.step(part)
            if result is not None:
                yield result


def _one_by_one(families: Families, times_ms: Ids) -> Iterator[Batch]:
    numbers = {name: collection_of(family.ids) for name, family in families.items()}
    for number, time_ms in enumerate(times_ms.tolist()):
        mine = {
            name: take(family, kept)
            for name, family in families.items()
            if (kept := numbers[name] == number).any()
        }
        if mine:
            yield Batch(mine, time_ms)


def is_separable(tree: syntax.Expression) -> bool:
    """Whether a rule gives for many collections in one pass what it gives for each alone."""
    return all(call.title in SEPARABLE for call in calls(tree)) and not _joins(tree)


def _joins(tree: syntax.Argument) -> bool:
    """Whether two families meet: which of them is absent is a matter of each collection."""
    match tree:
        case syntax.Binary(_, left, right):
            both = not is_scalar(left) and not is_scalar(right)
            return both or _joins(left) or _joins(right)
        case syntax.Negate(operand):
            return _joins(operand)
        case syntax.Call(target, _, arguments):
            return any(map(_joins, (target, *arguments)))
        case _:
            return False


class Analyzer:
    """All rules, planned; not to be used from two threads at once."""

    def __init__(
        self,
        files: Sequence[RuleFile],
        names: PeerNames,
        *,
        pods: PodServices | None = None,
        windows: Windows | None = None,
        label_limit: int = LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = LabelTable(label_limit)
        self._processes = Processes(names, pods)
        self._clock = clock
        self._asked_s = self._started_s = clock()
        self._losses: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._rules = distinct([rule for file in files for rule in file.rules])
        self._names, self._pods, self._label_limit = names, pods, label_limit
        self._windows = windows = windows or Windows()
        world = World(self._table, self._processes, self._losses, windows, layers=_layers_of(files))
        shapes = {_about(rule): rule.shape for rule in self._rules}
        self._targets = {about: Targets(world, shape) for about, shape in shapes.items()}
        self._plans = [
            self._plan(rule, replace(world, rule=name)) for name, rule in _named(self._rules)
        ]
        windows.release()
        wanted = frozenset(name for rule in self._rules for name in metrics(rule.tree))
        self._reader = Reader(self._table, wanted)

    def successor(self, files: Sequence[RuleFile]) -> "Analyzer":
        """Other rules in the same world; counters of rules that stay go on."""
        return Analyzer(
            files,
            self._names,
            pods=self._pods,
            windows=self._windows,
            label_limit=self._label_limit,
            clock=self._clock,
        )

    def _plan(self, rule: Rule, world: World) -> _Planned:
        emitter = Emitter(rule, self._targets[_about(rule)], self._losses)
        names = frozenset(metrics(rule.tree))
        return _Planned(plan(rule.tree, world), emitter, names, is_separable(rule.tree))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric the rules define, each once."""
        return tuple(dict.fromkeys(rule.metric for rule in self._rules))

    @property
    def losses(self) -> dict[str, int]:
        """What was dropped or forgotten so far, by reason."""
        return {"labels_evicted": self._table.evicted, **self._losses}

    def analyze(self, collection: Collection) -> Analysis:
        """Every rule over one collection; its minute is that of the collection's timestamp."""
        self._refresh()
        return self._analyze(self._reader.take(collection))

    def admit(
        self,
        messages: Sequence[bytes],
        *,
        since_ms: int = ALWAYS.since_ms,
        until_ms: int = ALWAYS.until_ms,
    ) -> Analysis:
        """
        Every rule over serialized collections, as if each had come alone, in this order.

        What is malformed or stamped out of these times is refused and counted; so is a meter that
        breaks a limit, without its neighbours.
        """
        self._refresh()
        return self._analyze(self._reader.scan(messages, Window(since_ms, until_ms)))

    def _analyze(self, reading: Reading) -> Analysis:
        now_s = self._age_s()
        for family in reading.batch.values():
            self._table.touch(family.ids, now_s)
        pieces: list[tuple[Piece, Places]] = []
        sightings: list[Sightings] = []
        with np.errstate(all="ignore"):
            for planned in self._plans:
                for result in planned.results(reading):
                    emitted = planned.emitter.emit(result, reading.times_ms)
                    if emitted is not None:
                        sightings.append(emitted[0])
                        places = planned.emitter.targets.places
                        pieces += [(piece, places) for piece in emitted[1]]
        fresh = [each for each in self._first_sightings(sightings) if each[0].is_relation]
        newest_ms = int(reading.times_ms.max(initial=0))
        relations = tuple(dict.fromkeys(edge.seen(minute * 60) for edge, minute in fresh))
        reading.tally["partial_total"] += sum(len(piece.rows) for piece, _ in pieces)
        for name, count in self.losses.items():
            reading.tally[f"rules_{name}_total"] += count - self._told[name]
            self._told[name] = count
        virtual = self._virtual(fresh, newest_ms)
        return Analysis(pieces, relations, virtual, reading.tally, reading.unreadable)

    def _first_sightings(self, sightings: Sequence[Sightings]) -> Iterator[tuple[Edge, int]]:
        """Edges with the minute in which they had not been seen yet."""
        for targets in self._targets.values():
            mine = [each for each in sightings if each.targets is targets]
            if not mine:
                continue
            edges = np.concatenate([each.edges for each in mine])
            minutes = np.concatenate([each.minutes for each in mine])
            yield from targets.first_sightings(edges, minutes)

    def _virtual(self, fresh: Sequence[tuple[Edge, int]], now_ms: int) -> tuple[ProcessRecord, ...]:
        ends = dict.fromkeys(end for edge, _ in fresh for end in edge.ends)
        return tuple(
            ProcessRecord(
                process_id=end,
                entity=entity,
                detect_type=DetectType.VIRTUAL,
                agent_id="",
                last_ping_ms=now_ms,
                properties=self._processes.facts_of(end),
            )
            for end in ends
            if (entity := self._processes.entity_or_none(end))
        )

    def _age_s(self) -> int:
        """Seconds by our own clock, from 1 on."""
        return int(self._clock() - self._started_s) + LIVE_S + 1

    def _refresh(self) -> None:
        """Forget what is too much or out of date."""
        now_s = self._clock()
        if now_s - self._asked_s >= RENAME_CHECK_S:
            self._asked_s = now_s
            if self._processes.renamed():
                self._table.ask_again()
                self._processes.clear()
        if self._table.trim(self._age_s(), len(self._reader)):
            self._reader.clear()
            self._processes.clear()
            for targets in self._targets.values():
                targets.clear()


def _layers_of(files: Sequence[RuleFile]) -> frozenset[str]:
    return frozenset((*KNOWN, *(layer.name for file in files for layer in file.layers)))


def _about(rule: Rule) -> Hashable:
    """Rules of equal scope share their targets."""
    return rule.shape.scope, rule.shape.decorations


def _named(rules: Sequence[Rule]) -> Iterator[tuple[str, Rule]]:
    """Each rule with a name that is its own, the same after a reload."""
    seen: Counter[str] = Counter()
    for rule in rules:
        seen[rule.metric.name] += 1
        yield f"{rule.metric.name} {seen[rule.metric.name]}", rule
