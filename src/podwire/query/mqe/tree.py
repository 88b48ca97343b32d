"""What an expression is, once it is read."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class MetricRef:
    """A metric, with the label values that are wanted: several of a label are alternatives."""

    name: str
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one expression."""

    function: str
    argument: "Node"


Node = Number | MetricRef | Binary | Call


def metrics(node: Node) -> Iterator[str]:
    """The names of every metric in a tree."""
    match node:
        case MetricRef(name):
            yield name
        case Binary(_, left, right):
            yield from metrics(left)
            yield from metrics(right)
        case Call(_, argument):
            yield from metrics(argument)
