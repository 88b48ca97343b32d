"""
A place in the tokens of a text, and how the grammar's rules move it.

In: a `Source`.  Out: tokens, one after another, or a `RuleError` at the one that is wrong.
"""

from collections.abc import Callable
from typing import TypeVar

from podwire.mal.errors import RuleError, Source, Span
from podwire.mal.text import syntax
from podwire.mal.text.lexer import Kind, Token, lex

T = TypeVar("T")
Tree = TypeVar("Tree", bound=syntax.Node)

KEYWORDS = frozenset({"def", "if", "else", "return", "null", "true", "false", "in"})

NESTING_LIMIT = 40
DEPTH_LIMIT = 150
"""Nesting beyond this is refused, so that no rule can exhaust the stack, now or when it runs."""


class Cursor:
    """What every rule of the grammar is written with."""

    def __init__(self, source: Source) -> None:
        self._tokens = lex(source)
        self._at = 0
        self._depth = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def ahead(self, count: int) -> Token:
        """The token so many after the next one; the last one stands for all after it."""
        return self._tokens[min(self._at + count, len(self._tokens) - 1)]

    def peek(self, *texts: str, ahead: int = 0) -> bool:
        token = self.ahead(ahead)
        return token.kind in (Kind.SIGN, Kind.NAME) and token.text in texts

    def take(self) -> Token:
        token = self.next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def take_if(self, *texts: str) -> Token | None:
        return self.take() if self.peek(*texts) else None

    def expect(self, text: str) -> Token:
        if not self.peek(text):
            raise self.unexpected(repr(text))
        return self.take()

    def of(self, kind: Kind) -> Token:
        if self.next.kind is not kind:
            raise self.unexpected(f"a {kind}")
        return self.take()

    def name(self) -> Token:
        if self.next.kind is not Kind.NAME or self.next.text in KEYWORDS:
            word = self.next.text
            raise self.unexpected(
                "a name", f"a label can be ['{word}']" if word in KEYWORDS else ""
            )
        return self.take()

    def unexpected(self, wanted: str, hint: str = "") -> RuleError:
        return RuleError(f"expected {wanted}, found {self.next}", self.next.span, hint)

    def since(self, start: Span) -> Span:
        """From there to the last token that was taken."""
        return start.to(self._tokens[max(self._at - 1, 0)].span)

    def whole(self, rule: Callable[[], Tree]) -> Tree:
        """What `rule` reads, which must be all there is."""
        tree = rule()
        if self.next.kind is not Kind.END:
            raise self.unexpected("the end")
        if syntax.depth(tree) > DEPTH_LIMIT:
            raise RuleError("nested too deeply", tree.span)
        return tree

    def nested(self, rule: Callable[[], T]) -> T:
        if self._depth >= NESTING_LIMIT:
            raise RuleError("nested too deeply", self.next.span)
        self._depth += 1
        tree = rule()
        self._depth -= 1
        return tree

    def items(self, item: Callable[[], T], end: str) -> tuple[T, ...]:
        """At least one item, commas between, up to `end`."""
        items = [item()]
        while self.take_if(","):
            items.append(item())
        self.expect(end)
        return tuple(items)
