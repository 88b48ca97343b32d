"""What the meter receiver needs of MAL: a seam, so that it can be tested without rules."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from podwire.model.metric import Relation
from podwire.model.process import ProcessRecord

Pieces = Sequence[Any]
"""Columns of partials: `mal` makes them, `storage` takes them in, nobody between looks inside."""


class Analysis(Protocol):
    """What the rules made of some collections."""

    @property
    def pieces(self) -> Pieces:
        """Pieces of metrics, to be merged by storage."""

    @property
    def relations(self) -> Sequence[Relation]:
        """Edges that were not seen in their minute before."""

    @property
    def virtual(self) -> Sequence[ProcessRecord]:
        """Processes that stand for peers nobody monitors."""

    @property
    def tally(self) -> Mapping[str, int]:
        """What was taken in and refused, by name of the count."""

    @property
    def unreadable(self) -> Sequence[int]:
        """Places of the messages whose bytes are none."""


class Analyzer(Protocol):
    """Applies every active rule; `mal.Analyzer` is the real one."""

    def admit(self, messages: Sequence[bytes], *, since_ms: int, until_ms: int) -> Analysis:
        """
        Serialized collections, as if each had come alone.

        Never raises for what they hold: what is malformed or out of time is left out and counted.
        """
