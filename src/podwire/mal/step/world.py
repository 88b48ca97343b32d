"""
What plans run in: the batch, and everything they share.

In: one collection's families, numbered label sets, outside names, clocks.  Out: nothing of its own.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from podwire.mal.errors import SampleError, Span
from podwire.mal.family import Family
from podwire.mal.labels import LabelTable
from podwire.mal.layers import KNOWN
from podwire.mal.processes import Processes
from podwire.mal.step.window import Windows
from podwire.mal.subject import Namer
from podwire.mal.text import syntax


@dataclass(frozen=True, slots=True)
class Batch:
    """The families of one collection by metric name; an absent one reads as EMPTY (None)."""

    families: Mapping[str, Family]
    timestamp_ms: int = 0

    def get(self, name: str) -> Family | None:
        return self.families.get(name)


Step = Callable[[Batch], Family | None]
Transform = Callable[[Family, Batch], Family | None]

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class World:
    """Label sets, the processes that rules name, counters' windows, counted losses."""

    table: LabelTable
    processes: Processes
    losses: Counter[str]
    windows: Windows = field(default_factory=Windows)
    clock: Callable[[], float] = time.time
    """Seconds since the epoch, for `time()`."""

    layers: frozenset[str] = frozenset(KNOWN)
    rule: str = ""
    """Which rule is planned: its counters remember apart from those of others."""

    strict: bool = False
    """
    SkyWalking's way to the letter: a sample that a rule cannot handle fails the whole rule, and
    buckets come out in order. Otherwise it is dropped alone and counted.
    """

    @property
    def namer(self) -> Namer:
        return Namer(self.losses, self.layers)

    def spare(self, function: Callable[[Given], Made]) -> Callable[[Given], Made | None]:
        """None for what a function cannot handle, unless that fails the rule."""
        if self.strict:
            return function

        def attempt(given: Given) -> Made | None:
            try:
                return function(given)
            except SampleError:
                return None

        return attempt

    def give_up(self, message: str, span: Span) -> None:
        """The rule gives nothing for this batch."""
        if self.strict:
            raise SampleError(message, span)
        self.losses["rule_failed"] += 1


Plan = Callable[[syntax.Call, World, tuple[Step, ...]], Transform]


def texts(call: syntax.Call, at: int) -> tuple[str, ...]:
    """A list of texts among the arguments."""
    argument = call.arguments[at]
    return argument.items if isinstance(argument, syntax.Texts) else ()


def text(call: syntax.Call, at: int) -> str:
    """A text among the arguments; null is no text."""
    argument = call.arguments[at]
    return argument.value if isinstance(argument, syntax.Text) else ""


def plan_nothing(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """For calls that only say something about the rule."""
    del call, world, steps
    return lambda before, _batch: before
