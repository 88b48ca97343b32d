"""
Runs the rules over what agents report.

In: rule files, who knows names, and one collection after another.  Out: an `Analysis` of each.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from podwire.mal.batch import Reader
from podwire.mal.check import metrics
from podwire.mal.emit import Edge, Emitter, targets
from podwire.mal.functions import World
from podwire.mal.labels import LIMIT, LabelTable
from podwire.mal.names import PeerNames
from podwire.mal.plan import plan
from podwire.mal.processes import Processes
from podwire.mal.rules import Rule, RuleFile, distinct
from podwire.model.meter import Collection
from podwire.model.metric import Metric, Partial, Relation
from podwire.model.process import DetectType, ProcessRecord

RENAME_CHECK_S = 5.0
"""How often addresses are asked for again; a changed name renames their processes."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one collection means."""

    partials: tuple[Partial, ...]
    relations: tuple[Relation, ...]
    virtual: tuple[ProcessRecord, ...]
    """The unreported processes among the edges' ends; pinged at the collection's timestamp."""


class Analyzer:
    """All rules, planned; not to be used from two threads at once."""

    def __init__(
        self,
        files: Sequence[RuleFile],
        names: PeerNames,
        *,
        label_limit: int = LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = LabelTable(label_limit)
        self._processes = Processes(names)
        self._clock = clock
        self._asked_s = clock()
        self._losses: Counter[str] = Counter()
        self._rules = distinct([rule for file in files for rule in file.rules])
        world = World(self._table, self._processes, self._losses)
        self._plans = [(plan(rule.tree, world), self._emitter(rule)) for rule in self._rules]
        wanted = {name for rule in self._rules for name in metrics(rule.tree)}
        self._reader = Reader(self._table, wanted)

    def _emitter(self, rule: Rule) -> Emitter:
        return Emitter(rule, self._table, targets(self._table, rule.shape.scope), self._losses)

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
        batch = self._reader.read(collection)
        minute_s = collection.timestamp_ms // 60_000 * 60
        edges: dict[Edge, None] = {}
        partials: list[Partial] = []
        with np.errstate(all="ignore"):
            for step, emitter in self._plans:
                result = step(batch)
                if result is not None:
                    seen, found = emitter.emit(result, minute_s)
                    edges |= seen
                    partials += found
        relations = tuple(dict.fromkeys(edge.seen(minute_s) for edge in edges))
        return Analysis(tuple(partials), relations, self._virtual(edges, collection.timestamp_ms))

    def _virtual(self, edges: dict[Edge, None], now_ms: int) -> tuple[ProcessRecord, ...]:
        ends = dict.fromkeys(end for edge in edges for end in (edge.source, edge.target))
        return tuple(
            ProcessRecord(
                process_id=end,
                entity=entity,
                detect_type=DetectType.VIRTUAL,
                agent_id="",
                last_ping_ms=now_ms,
            )
            for end in ends
            if (entity := self._processes.entity_or_none(end))
        )

    def _refresh(self) -> None:
        """Forget what is too much or out of date."""
        now_s = self._clock()
        renamed = False
        if now_s - self._asked_s >= RENAME_CHECK_S:
            self._asked_s = now_s
            renamed = self._processes.renamed()
        if renamed:
            self._table.clear()
        if self._table.trim(len(self._reader)) or renamed:
            self._reader.clear()
            self._processes.clear()
