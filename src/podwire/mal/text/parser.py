"""
Tokens become trees, by recursive descent; each method below is one line of this grammar.

    rule           = additive END
    chain          = call ("." call)* END
    additive       = multiplicative (("+" | "-") multiplicative)*
    multiplicative = unary (("*" | "/") unary)*
    unary          = "-" unary | NUMBER | postfix
    postfix        = primary ("." call)*
    primary        = NAME | "(" additive ")" | "time" "(" ")" | "count" "(" additive "," list ")"
    call           = NAME ["::" NAME] "(" [argument ("," argument)*] ")"
    argument       = list | "(" list ")" | closure | STRING | REGEX | "true" | "false" | "null"
                   | NAME "." NAME | additive
    list           = "[" STRING ("," STRING)* "]" | "[" NUMBER ("," NUMBER)* "]"

The grammar of closures is in `closure`.

In: a `Source`.  Out: an expression, the chain of calls of an expPrefix or expSuffix, or a closure.
"""

from collections.abc import Callable

from podwire.mal.errors import RuleError, Source
from podwire.mal.text import syntax
from podwire.mal.text.closure import ClosureParser
from podwire.mal.text.cursor import KEYWORDS
from podwire.mal.text.lexer import Kind, Token, unquote

HOLE = syntax.Metric("")
"""What a chain is written after; `passes.graft` puts an expression there."""


def parse(source: Source) -> syntax.Expression:
    """
    The tree of a rule's expression.

    >>> parse(Source("a + 2 * b"))
    Binary(op='+', left=Metric(name='a'), \
right=Binary(op='*', left=Number(value=2.0), right=Metric(name='b')))
    """
    parser = Parser(source)
    return parser.whole(parser.additive)


def parse_chain(source: Source) -> syntax.Call:
    """
    The tree of an expPrefix or expSuffix, its innermost target being `HOLE`.

    >>> parse_chain(Source("sum(['a'])"))
    Call(target=Metric(name=''), name='sum', arguments=(Texts(items=('a',)),), namespace='')
    """
    parser = Parser(source)
    return parser.whole(parser.chain)


def parse_closure(source: Source) -> syntax.Closure:
    """The tree of a file's `filter`."""
    parser = Parser(source)
    return parser.whole(parser.closure)


class Parser(ClosureParser):
    """A place in the tokens and the grammar's rules."""

    def additive(self) -> syntax.Expression:
        return self._binary(self._multiplicative, "+", "-")

    def _multiplicative(self) -> syntax.Expression:
        return self._binary(self._unary, "*", "/")

    def _binary(self, operand: Callable[[], syntax.Expression], *ops: str) -> syntax.Expression:
        start = self.next.span
        tree = operand()
        while op := self.take_if(*ops):
            right = operand()
            tree = syntax.Binary(op.text, tree, right, span=self.since(start))
        return tree

    def _unary(self) -> syntax.Expression:
        start = self.next.span
        if self.take_if("-"):
            operand = self.nested(self._unary)
            return syntax.Negate(operand, span=self.since(start))
        if self.next.kind is Kind.NUMBER:
            return syntax.Number(float(self.take().text), span=start)
        return self._postfix()

    def _postfix(self) -> syntax.Expression:
        tree = self._primary()
        while self.take_if("."):
            tree = self._call(tree)
        return tree

    def _primary(self) -> syntax.Expression:
        if self.take_if("("):
            tree = self.nested(self.additive)
            self.expect(")")
            return tree
        token = self.name()
        if self.peek("::"):
            raise self.unexpected("a metric before it", "an extension is called on a metric")
        if self.take_if("("):
            return self._function(token)
        return syntax.Metric(token.text, span=token.span)

    def _function(self, name: Token) -> syntax.Expression:
        """Only two functions stand on their own; `count` is its method in another spelling."""
        if name.text == "time":
            self.expect(")")
            return syntax.Time(span=self.since(name.span))
        if name.text != "count":
            hint = f"functions are called on a metric: metric.{name.text}(...)"
            raise RuleError(f"unknown function {name.text!r}", name.span, hint)
        target = self.nested(self.additive)
        self.expect(",")
        arguments = self.items(self._argument, ")")
        return syntax.Call(target, name.text, arguments, span=self.since(name.span))

    def chain(self) -> syntax.Call:
        tree = self._call(HOLE)
        while self.take_if("."):
            tree = self._call(tree)
        return tree

    def _call(self, target: syntax.Expression) -> syntax.Call:
        first = self.name()
        namespace, name = ("", first)
        if self.take_if("::"):
            namespace, name = first.text, self.name()
        self.expect("(")
        arguments = () if self.take_if(")") else self.items(self._argument, ")")
        span = self.since(first.span)
        return syntax.Call(target, name.text, arguments, namespace, span=span)

    def _argument(self) -> syntax.Argument:
        if self.peek("["):
            return self._texts_or_numbers()
        if self.peek("(") and self.peek("[", ahead=1):
            self.take()
            items = self._texts_or_numbers()
            self.expect(")")
            return items
        if self.peek("{"):
            return self.nested(self.closure)
        literal = self.literal_or_none()
        if literal is not None:
            return literal
        if self._is_enum():
            return self._enum()
        return self.nested(self.additive)

    def _is_enum(self) -> bool:
        """`a.b` not followed by a call: always a constant, never a metric's method."""
        names = self.next.kind is Kind.NAME and self.ahead(2).kind is Kind.NAME
        return names and self.peek(".", ahead=1) and not self.peek("(", "::", ahead=3)

    def _enum(self) -> syntax.Enum:
        start = self.name()
        self.expect(".")
        value = self.name()
        return syntax.Enum(start.text, value.text, span=self.since(start.span))

    def _texts_or_numbers(self) -> syntax.Texts | syntax.Numbers:
        start = self.expect("[").span
        if self.next.kind is Kind.NUMBER:
            numbers = self.items(lambda: float(self.of(Kind.NUMBER).text), "]")
            return syntax.Numbers(numbers, span=self.since(start))
        texts = self.items(lambda: unquote(self.of(Kind.STRING).text), "]")
        return syntax.Texts(texts, span=self.since(start))


__all__ = ["HOLE", "KEYWORDS", "Parser", "parse", "parse_chain", "parse_closure"]
