"""What the meter receiver needs of MAL: a seam, so that it can be tested without rules."""

from collections.abc import Sequence
from typing import Protocol

from podwire.model.meter import Collection
from podwire.model.metric import Partial, Relation
from podwire.model.process import ProcessRecord


class Analysis(Protocol):
    """What the rules made of one collection."""

    @property
    def partials(self) -> Sequence[Partial]:
        """Pieces of metrics, to be merged by storage."""

    @property
    def relations(self) -> Sequence[Relation]:
        """Edges that were seen."""

    @property
    def virtual(self) -> Sequence[ProcessRecord]:
        """Processes that stand for peers nobody monitors."""


class Analyzer(Protocol):
    """Applies every active rule; `mal.Analyzer` is the real one."""

    def analyze(self, collection: Collection) -> Analysis:
        """Never raises for what a collection holds: a bad meter is left out and counted."""
