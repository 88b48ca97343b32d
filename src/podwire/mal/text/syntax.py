"""
The nouns of the language: trees of frozen values with the place each came from.

In: nothing.  Out: what `parser` builds, `passes` rewrite, `check` judges and `plan` compiles.
Two trees are equal when they mean the same text, wherever it stood.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from podwire.mal.errors import NOWHERE, Span


@dataclass(frozen=True, slots=True)
class Node:
    """Anything that was written somewhere."""

    span: Span = field(default=NOWHERE, kw_only=True, compare=False, repr=False)


# Expressions over families of samples.


@dataclass(frozen=True, slots=True)
class Number(Node):
    value: float


@dataclass(frozen=True, slots=True)
class Time(Node):
    """`time()`: the clock in whole seconds."""


@dataclass(frozen=True, slots=True)
class Metric(Node):
    """The family of this name in the batch."""

    name: str


@dataclass(frozen=True, slots=True)
class Negate(Node):
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary(Node):
    op: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`target.name(arguments)`, or `target.namespace::name(arguments)` for an extension."""

    target: "Expression"
    name: str
    arguments: tuple["Argument", ...] = ()
    namespace: str = ""

    @property
    def title(self) -> str:
        """The function as it is written."""
        return f"{self.namespace}::{self.name}" if self.namespace else self.name


Expression = Number | Time | Metric | Negate | Binary | Call


# What only an argument can be.


@dataclass(frozen=True, slots=True)
class Texts(Node):
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Numbers(Node):
    items: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Enum(Node):
    """`Layer.GENERAL`, `TimeUnit.SECONDS`."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Closure(Node):
    """`{ parameters -> body }`; a body that is one bare condition is one `Discard`."""

    parameters: tuple[str, ...]
    body: tuple["Statement", ...]


# Inside closures; `Text`, `Truth` and `Null` are arguments too.


@dataclass(frozen=True, slots=True)
class Text(Node):
    value: str


@dataclass(frozen=True, slots=True)
class Truth(Node):
    value: bool


@dataclass(frozen=True, slots=True)
class Null(Node):
    """No value."""


@dataclass(frozen=True, slots=True)
class Interpolation(Node):
    """`'a ${tags.b} c'`: texts and values in turn."""

    parts: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Map(Node):
    """`['key': value]`."""

    keys: tuple[str, ...]
    values: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`tags.name`, `tags?.name`."""

    target: "Value"
    name: str
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`tags[key]`."""

    target: "Value"
    key: "Value"


@dataclass(frozen=True, slots=True)
class Method(Node):
    """`target.name(arguments)`; with `?.` nothing is called on null."""

    target: "Value"
    name: str
    arguments: tuple["Value", ...] = ()
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Infix(Node):
    """Arithmetic, `?:`, and in conditions comparisons, `&&` and `||`."""

    op: str
    left: "Value"
    right: "Value"


@dataclass(frozen=True, slots=True)
class Find(Node):
    """`value =~ /pattern/`: the first match with its groups, or null."""

    value: "Value"
    pattern: str


@dataclass(frozen=True, slots=True)
class In(Node):
    """`value in ['a', 'b']`."""

    value: "Value"
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Minus(Node):
    operand: "Value"


@dataclass(frozen=True, slots=True)
class Not(Node):
    operand: "Value"


@dataclass(frozen=True, slots=True)
class Ternary(Node):
    """`condition ? then : otherwise`; the condition is a comparison or a value."""

    condition: "Value"
    then: "Value"
    otherwise: "Value"


Atom = Text | Truth | Null | Number | Interpolation | Map | Name
Value = Atom | Member | Index | Method | Infix | Find | In | Minus | Not | Ternary
Argument = Expression | Texts | Numbers | Enum | Closure | Text | Truth | Null

COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
LOGIC = ("&&", "||")


def is_condition(value: Value) -> bool:
    """
    Whether it can only stand where a condition can.

    >>> is_condition(Infix("==", Name("a"), Null())), is_condition(Name("a"))
    (True, False)
    """
    match value:
        case Infix(op):
            return op in COMPARISONS or op in LOGIC
        case _:
            return isinstance(value, Not | In)


@dataclass(frozen=True, slots=True)
class If(Node):
    condition: Value
    then: tuple["Statement", ...]
    otherwise: tuple["Statement", ...] = ()


@dataclass(frozen=True, slots=True)
class Return(Node):
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class Declare(Node):
    """`String name = value`; `type` is `def`, a class of java.lang or an array of one."""

    type: str
    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Assign(Node):
    target: Name | Member | Index
    value: Value


@dataclass(frozen=True, slots=True)
class Discard(Node):
    """A value computed for what computing it does, or the answer of a condition's closure."""

    value: Value


Statement = If | Return | Declare | Assign | Discard


def children(node: Node) -> Iterator[Node]:
    """The nodes directly inside a node, in the order they were written."""
    for each in fields(node):
        value = getattr(node, each.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Node):
                yield part


def walk(node: Node) -> Iterator[Node]:
    """A node and everything inside it."""
    yield node
    for child in children(node):
        yield from walk(child)


def depth(node: Node) -> int:
    """How many nodes are on the longest way down; never recurses itself."""
    deepest = 0
    level = [node]
    while level:
        deepest += 1
        level = [child for each in level for child in children(each)]
    return deepest
