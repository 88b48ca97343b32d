"""
Tokens become trees, by recursive descent; each method below is one line of this grammar.

    rule           = additive END
    chain          = call ("." call)* END
    additive       = multiplicative (("+" | "-") multiplicative)*
    multiplicative = unary (("*" | "/") unary)*
    unary          = "-" unary | NUMBER | postfix
    postfix        = primary ("." call)*
    primary        = NAME | "(" additive ")"
    call           = NAME ["::" NAME] "(" [argument ("," argument)*] ")"
    argument       = list | "(" list ")" | closure | STRING | "true" | "false" | "null"
                   | NAME "." NAME | additive
    list           = "[" STRING ("," STRING)* "]" | "[" NUMBER ("," NUMBER)* "]"
    closure        = "{" [NAME ("," NAME)*] "->" statement* "}"
    statement      = if | "return" [or] | ("def" | "String") NAME "=" or | or ["=" or]    [";"]
    if             = "if" "(" or ")" block ["else" (if | block)]
    block          = "{" statement* "}"
    or             = and ("||" and)*
    and            = equality ("&&" equality)*
    equality       = sum (("==" | "!=") sum)*
    sum            = not ("+" not)*
    not            = "!" not | value
    value          = STRING | "true" | "false" | "null" | "(" or ")"
                   | NAME ("." NAME ["(" [or ("," or)*] ")"] | "[" or "]")*

In: a `Source`.  Out: an expression, or the chain of calls of an expPrefix or expSuffix.
"""

from collections.abc import Callable
from typing import TypeVar

from podwire.mal.errors import RuleError, Source, Span
from podwire.mal.text import syntax
from podwire.mal.text.lexer import Kind, Token, lex, unquote

T = TypeVar("T")
Tree = TypeVar("Tree", bound=syntax.Node)

KEYWORDS = frozenset({"def", "if", "else", "return", "null", "true", "false", "in"})
HOLE = syntax.Metric("")
"""What a chain is written after; `passes.graft` puts an expression there."""

NESTING_LIMIT = 60
DEPTH_LIMIT = 150
"""Nesting beyond this is refused, so that no rule can exhaust the stack, now or when it runs."""


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


class Parser:
    """A place in the tokens and the grammar's rules."""

    def __init__(self, source: Source) -> None:
        self._tokens = lex(source)
        self._at = 0
        self._depth = 0

    # Moving through the tokens.

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _peek(self, *texts: str, ahead: int = 0) -> bool:
        token = self._tokens[min(self._at + ahead, len(self._tokens) - 1)]
        return token.kind in (Kind.SIGN, Kind.NAME) and token.text in texts

    def _take(self) -> Token:
        token = self._next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _try(self, *texts: str) -> Token | None:
        return self._take() if self._peek(*texts) else None

    def _expect(self, text: str) -> Token:
        if not self._peek(text):
            raise self._unexpected(repr(text))
        return self._take()

    def _name(self) -> Token:
        if self._next.kind is not Kind.NAME or self._next.text in KEYWORDS:
            raise self._unexpected("a name")
        return self._take()

    def _unexpected(self, wanted: str) -> RuleError:
        return RuleError(f"expected {wanted}, found {self._next}", self._next.span)

    def _since(self, start: Span) -> Span:
        return start.to(self._tokens[max(self._at - 1, 0)].span)

    def whole(self, rule: Callable[[], Tree]) -> Tree:
        """What `rule` reads, which must be all there is."""
        tree = rule()
        if self._next.kind is not Kind.END:
            raise self._unexpected("the end")
        if syntax.depth(tree) > DEPTH_LIMIT:
            raise RuleError("nested too deeply", tree.span)
        return tree

    def _nested(self, rule: Callable[[], T]) -> T:
        if self._depth >= NESTING_LIMIT:
            raise RuleError("nested too deeply", self._next.span)
        self._depth += 1
        tree = rule()
        self._depth -= 1
        return tree

    def _list(self, item: Callable[[], T], end: str) -> tuple[T, ...]:
        """At least one item, commas between, up to `end`."""
        items = [item()]
        while self._try(","):
            items.append(item())
        self._expect(end)
        return tuple(items)

    # Expressions.

    def additive(self) -> syntax.Expression:
        return self._binary(self._multiplicative, "+", "-")

    def _multiplicative(self) -> syntax.Expression:
        return self._binary(self._unary, "*", "/")

    def _binary(self, operand: Callable[[], syntax.Expression], *ops: str) -> syntax.Expression:
        start = self._next.span
        tree = operand()
        while op := self._try(*ops):
            right = operand()
            tree = syntax.Binary(op.text, tree, right, span=self._since(start))
        return tree

    def _unary(self) -> syntax.Expression:
        start = self._next.span
        if self._try("-"):
            operand = self._nested(self._unary)
            return syntax.Negate(operand, span=self._since(start))
        if self._next.kind is Kind.NUMBER:
            return syntax.Number(float(self._take().text), span=start)
        return self._postfix()

    def _postfix(self) -> syntax.Expression:
        tree = self._primary()
        while self._try("."):
            tree = self._call(tree)
        return tree

    def _primary(self) -> syntax.Expression:
        if self._try("("):
            tree = self._nested(self.additive)
            self._expect(")")
            return tree
        token = self._name()
        if self._peek("("):
            raise RuleError(f"unknown function {token.text!r}", token.span)
        return syntax.Metric(token.text, span=token.span)

    def chain(self) -> syntax.Call:
        tree = self._call(HOLE)
        while self._try("."):
            tree = self._call(tree)
        return tree

    def _call(self, target: syntax.Expression) -> syntax.Call:
        first = self._name()
        namespace, name = ("", first)
        if self._try("::"):
            namespace, name = first.text, self._name()
        self._expect("(")
        arguments = () if self._try(")") else self._list(self._argument, ")")
        span = self._since(first.span)
        return syntax.Call(target, name.text, arguments, namespace, span=span)

    # Arguments.

    def _argument(self) -> syntax.Argument:
        if self._peek("["):
            return self._texts_or_numbers()
        if self._peek("(") and self._peek("[", ahead=1):
            self._take()
            items = self._texts_or_numbers()
            self._expect(")")
            return items
        if self._peek("{"):
            return self._nested(self._closure)
        literal = self._literal_or_none()
        if literal is not None:
            return literal
        if self._next.kind is Kind.NAME and self._peek(".", ahead=1) and not self._call_follows():
            return self._enum()
        return self._nested(self.additive)

    def _call_follows(self) -> bool:
        return self._peek("(", "::", ahead=3)

    def _enum(self) -> syntax.Enum:
        start = self._name()
        self._expect(".")
        value = self._name()
        return syntax.Enum(start.text, value.text, span=self._since(start.span))

    def _texts_or_numbers(self) -> syntax.Texts | syntax.Numbers:
        start = self._expect("[").span
        if self._next.kind is Kind.NUMBER:
            numbers = self._list(lambda: float(self._of(Kind.NUMBER).text), "]")
            return syntax.Numbers(numbers, span=self._since(start))
        texts = self._list(lambda: unquote(self._of(Kind.STRING).text), "]")
        return syntax.Texts(texts, span=self._since(start))

    def _of(self, kind: Kind) -> Token:
        if self._next.kind is not kind:
            raise self._unexpected(f"a {kind}")
        return self._take()

    def _literal_or_none(self) -> syntax.Text | syntax.Truth | syntax.Null | None:
        span = self._next.span
        if self._next.kind is Kind.STRING:
            return syntax.Text(unquote(self._take().text), span=span)
        if word := self._try("true", "false"):
            return syntax.Truth(word.text == "true", span=span)
        return syntax.Null(span=span) if self._try("null") else None

    # Closures: statements.

    def _closure(self) -> syntax.Closure:
        start = self._expect("{").span
        parameters: tuple[str, ...] = ()
        if not self._try("->"):
            parameters = self._list(lambda: self._name().text, "->")
        return syntax.Closure(parameters, self._statements(), span=self._since(start))

    def _block(self) -> tuple[syntax.Statement, ...]:
        self._expect("{")
        return self._nested(self._statements)

    def _statements(self) -> tuple[syntax.Statement, ...]:
        statements = []
        while not self._try("}"):
            statements.append(self._statement())
            self._try(";")
        return tuple(statements)

    def _statement(self) -> syntax.Statement:
        start = self._next.span
        if self._try("if"):
            return self._if(start)
        if self._try("return"):
            value = None if self._peek("}", ";") else self._or()
            return syntax.Return(value, span=self._since(start))
        if self._peek("def") or (self._peek("String") and self._peek("=", ahead=2)):
            return self._declaration(start)
        value = self._or()
        return (
            self._assignment(value, start)
            if self._try("=")
            else syntax.Discard(value, span=self._since(start))
        )

    def _if(self, start: Span) -> syntax.If:
        self._expect("(")
        condition = self._nested(self._or)
        self._expect(")")
        then = self._block()
        otherwise: tuple[syntax.Statement, ...] = ()
        if self._try("else"):
            again = self._next.span
            otherwise = (
                (self._nested(lambda: self._if(again)),) if self._try("if") else self._block()
            )
        return syntax.If(condition, then, otherwise, span=self._since(start))

    def _declaration(self, start: Span) -> syntax.Declare:
        kind, name = self._take(), self._name()
        self._expect("=")
        return syntax.Declare(kind.text, name.text, self._or(), span=self._since(start))

    def _assignment(self, target: syntax.Value, start: Span) -> syntax.Assign:
        if not isinstance(target, syntax.Name | syntax.Member | syntax.Index):
            raise RuleError("cannot assign to this", target.span)
        return syntax.Assign(target, self._or(), span=self._since(start))

    # Closures: values.

    def _infix(self, operand: Callable[[], syntax.Value], *ops: str) -> syntax.Value:
        start = self._next.span
        tree = operand()
        while op := self._try(*ops):
            right = operand()
            tree = syntax.Infix(op.text, tree, right, span=self._since(start))
        return tree

    def _or(self) -> syntax.Value:
        return self._infix(self._and, "||")

    def _and(self) -> syntax.Value:
        return self._infix(self._equality, "&&")

    def _equality(self) -> syntax.Value:
        return self._infix(self._sum, "==", "!=")

    def _sum(self) -> syntax.Value:
        return self._infix(self._not, "+")

    def _not(self) -> syntax.Value:
        start = self._next.span
        if self._try("!"):
            operand = self._nested(self._not)
            return syntax.Not(operand, span=self._since(start))
        return self._value()

    def _value(self) -> syntax.Value:
        literal = self._literal_or_none()
        if literal is not None:
            return literal
        if self._try("("):
            tree = self._nested(self._or)
            self._expect(")")
            return tree
        token = self._name()
        return self._members(syntax.Name(token.text, span=token.span))

    def _members(self, tree: syntax.Value) -> syntax.Value:
        start = tree.span
        while self._peek(".", "["):
            if self._try("["):
                key = self._nested(self._or)
                self._expect("]")
                tree = syntax.Index(tree, key, span=self._since(start))
                continue
            self._take()
            name = self._name()
            if self._try("("):
                tree = self._invocation(tree, name)
            else:
                tree = syntax.Member(tree, name.text, span=self._since(start))
        return tree

    def _invocation(self, owner: syntax.Value, name: Token) -> syntax.Invoke:
        if not isinstance(owner, syntax.Name):
            raise RuleError(f"unknown method {name.text!r}", name.span)
        arguments = () if self._try(")") else self._list(lambda: self._nested(self._or), ")")
        return syntax.Invoke(owner.name, name.text, arguments, span=self._since(owner.span))
