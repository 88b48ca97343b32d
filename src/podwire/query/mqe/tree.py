"""What an expression is, once it is read."""

from collections.abc import Iterator
from dataclasses import dataclass

Label = tuple[str, str]
"""A label's name and the text in its quotes; commas in it part alternatives."""


@dataclass(frozen=True, slots=True)
class Number:
    """A constant, as it was written."""

    text: str

    @property
    def value(self) -> float:
        """What the text stands for; more digits than a double holds are infinity."""
        return float(self.text)


@dataclass(frozen=True, slots=True)
class MetricRef:
    """A metric, with the label values that are wanted."""

    name: str
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Parentheses:
    """Kept because messages show the text of an expression."""

    inner: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, a comparison, or && and ||."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """avg, count, latest, max, min or sum over time."""

    function: str
    argument: "Node"


@dataclass(frozen=True, slots=True)
class Rounding:
    """abs, ceil, floor, or round to some decimals."""

    function: str
    argument: "Node"
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """increase or rate over some steps back."""

    function: str
    metric: MetricRef
    steps: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a metric was expected to be."""

    metric: MetricRef
    bound: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """A condition on what a metric is of; equal or not."""

    name: str
    is_equal: bool
    value: str


@dataclass(frozen=True, slots=True)
class TopN:
    """The greatest or smallest entities of a metric, or sampled requests."""

    metric: MetricRef
    limit: int
    order: str
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class TopNOf:
    """The greatest or smallest of several lists."""

    lists: tuple[TopN, ...]
    limit: int
    order: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """view_as_seq or is_present of some expressions."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Relabels:
    """Other labels in the place of some."""

    argument: "Node"
    label: Label
    replacement: Label


@dataclass(frozen=True, slots=True)
class AggregateLabels:
    """Series put together, by some labels or all into one."""

    argument: "Node"
    function: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SortValues:
    """Series by their average."""

    argument: "Node"
    limit: int
    order: str
    function: str


@dataclass(frozen=True, slots=True)
class SortLabelValues:
    """Series by the text of their labels."""

    argument: "Node"
    order: str
    labels: tuple[str, ...]


Node = (
    Number | MetricRef | Parentheses | Binary | Aggregate | Rounding | Trend | Baseline | TopN
    | TopNOf | Sequence | Relabels | AggregateLabels | SortValues | SortLabelValues
)  # fmt: skip


def children(node: Node) -> tuple[Node, ...]:
    """The expressions inside an expression, in their order."""
    match node:
        case Binary(_, left, right):
            return (left, right)
        case Parentheses(inner):
            return (inner,)
        case Sequence(_, arguments):
            return arguments
        case TopNOf(lists):
            return lists
        case Trend(_, metric) | Baseline(metric) | TopN(metric):
            return (metric,)
        case Number() | MetricRef():
            return ()
        case _:
            return (node.argument,)


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """Every expression of a tree with its depth; needs no stack of its own."""
    waiting = [(node, 1)]
    while waiting:
        current, depth = waiting.pop()
        yield current, depth
        waiting += [(child, depth + 1) for child in children(current)]
