"""
Reads an expression.

In: text.  Out: a tree. `*` and `/` bind tighter than `+` and `-`; all are left associative.
As in SkyWalking, text behind a whole expression is ignored only when it is blank: anything else is
an error here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from podwire.query.mqe.tree import Binary, Call, MetricRef, Node, Number

FUNCTIONS = ("avg", "count", "latest", "max", "min", "sum")

TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d+)?(?![A-Za-z0-9_]))
      | (?P<name>[A-Za-z0-9_]+)
      | (?P<text>'[^']*'|"[^"]*")
      | (?P<sign>[-+*/%(){}=,])
    )""",
    re.VERBOSE,
)


class ExpressionError(ValueError):
    """The expression cannot be read or evaluated; whoever wrote it must act."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def parse(text: str) -> Node:
    """The tree of an expression. Raises `ExpressionError` with the column."""
    return _Parser(text).expression_to_end()


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if match is None:
            column = at + len(text[at:]) - len(text[at:].lstrip()) + 1
            raise ExpressionError(f"unexpected {text[column - 1]!r} at column {column}")
        kind = str(match.lastgroup)
        found.append(_Token(kind, match[kind], match.start(kind) + 1))
        at = match.end()
    return [*found, _Token("end", "", end + 1)]


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _expect(self, text: str) -> None:
        if self._next.text != text or self._next.kind == "text":
            raise self._error(f"expected {text!r}")
        self._take()

    def _error(self, what: str) -> ExpressionError:
        token = self._next
        seen = f"{token.text!r}" if token.kind != "end" else "the end"
        return ExpressionError(f"{what}, found {seen} at column {token.column}")

    def expression_to_end(self) -> Node:
        node = self._sum()
        if self._next.kind != "end":
            raise self._error("expected an operator")
        return node

    def _sum(self) -> Node:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._chain(("*", "/", "%"), self._primary)

    def _chain(self, operators: tuple[str, ...], operand: Callable[[], Node]) -> Node:
        node = operand()
        while self._next.kind == "sign" and self._next.text in operators:
            operator = self._take().text
            node = Binary(operator, node, operand())
        return node

    def _primary(self) -> Node:
        token = self._next
        if token.kind == "number":
            self._take()
            return Number(float(token.text))
        if token.kind == "sign" and token.text == "(":
            return self._grouped()
        if token.kind != "name":
            raise self._error("expected a metric, a number or a function")
        self._take()
        if self._next.text == "(":
            return self._call(token)
        return MetricRef(token.text, self._labels() if self._next.text == "{" else ())

    def _grouped(self) -> Node:
        self._depth += 1
        if self._depth > 50:
            raise self._error("too many parentheses")
        self._expect("(")
        node = self._sum()
        self._expect(")")
        self._depth -= 1
        return node

    def _call(self, name: _Token) -> Node:
        if name.text not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise ExpressionError(
                f"unknown function {name.text!r} at column {name.column}; known are {known}"
            )
        return Call(name.text, self._grouped())

    def _labels(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        self._expect("{")
        found = [self._label()]
        while self._next.text == ",":
            self._take()
            found.append(self._label())
        self._expect("}")
        return tuple(found)

    def _label(self) -> tuple[str, tuple[str, ...]]:
        if self._next.kind != "name":
            raise self._error("expected a label")
        name = self._take().text
        self._expect("=")
        if self._next.kind != "text":
            raise self._error("expected a quoted value")
        values = self._take().text[1:-1].split(",")
        return name, tuple(value.strip() for value in values)
