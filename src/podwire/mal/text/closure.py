"""
The grammar of closures, the part of Groovy that rules use.

    closure    = "{" [NAME ("," NAME)*] "->" body "}"
    body       = statement* | "{" statement* "}"
    statement  = if | "return" [value] | TYPE NAME "=" value | condition ["=" value]    [";"]
    if         = "if" "(" condition ")" block ["else" (if | block)]
    block      = "{" statement* "}"
    condition  = and ("||" and)*
    and        = not ("&&" not)*
    not        = "!" not | value [COMPARISON value | "in" "[" [STRING ("," STRING)*] "]"]
    value      = ternary ("?:" ternary)*
    ternary    = find [COMPARISON find] "?" value ":" ternary | find
    find       = sum ["=~" REGEX]
    sum        = product (("+" | "-") product)*
    product    = unary (("*" | "/") unary)*
    unary      = "-" unary | atom chain*
    atom       = STRING | REGEX | NUMBER | "true" | "false" | "null" | map | NAME
               | "(" condition ")"
    map        = "[" (STRING | NAME) ":" value ("," ...)* "]"
    chain      = ("." | "?.") NAME ["(" [value ("," value)*] ")"] | "[" value "]"

A comparison is either what a ternary decides by or what a condition is; which one, only the token
behind its right side tells.  What is a condition in parentheses can be nothing but a condition.
"""

import re
from collections.abc import Callable
from typing import TypeGuard

from podwire.mal.errors import RuleError, Span
from podwire.mal.text import syntax
from podwire.mal.text.cursor import KEYWORDS, Cursor
from podwire.mal.text.lexer import Kind, Token, unquote

HOLE_IN_TEXT = re.compile(r"\$\{([A-Za-z_]\w*(?:\(\))?(?:\.[A-Za-z_]\w*(?:\(\))?)*)\}")
"""`${a.b.c()}`: dotted names and calls without arguments; anything else is plain text."""


class ClosureParser(Cursor):
    """The rules of closures."""

    def closure(self) -> syntax.Closure:
        start = self.expect("{").span
        parameters: tuple[str, ...] = ()
        if not self.take_if("->"):
            if not self._has_arrow():
                raise RuleError("a closure needs an arrow", self.next.span, "{ tags -> ... }")
            parameters = self.items(lambda: self.name().text, "->")
        if self.take_if("{"):
            body = self._statements()
            self.expect("}")
        else:
            body = self._statements()
        return syntax.Closure(parameters, body, span=self.since(start))

    def _has_arrow(self) -> bool:
        ahead = 0
        while self.ahead(ahead).kind is Kind.NAME and self.peek(",", ahead=ahead + 1):
            ahead += 2
        return self.peek("->", ahead=ahead + (self.ahead(ahead).kind is Kind.NAME))

    # Statements.

    def _statements(self) -> tuple[syntax.Statement, ...]:
        statements = []
        while not self.take_if("}"):
            statements.append(self._statement())
            self.take_if(";")
        return tuple(statements)

    def _block(self) -> tuple[syntax.Statement, ...]:
        self.expect("{")
        return self.nested(self._statements)

    def _statement(self) -> syntax.Statement:
        start = self.next.span
        if self.take_if("if"):
            return self._if(start)
        if self.take_if("return"):
            value = None if self.peek("}", ";") else self._value()
            return syntax.Return(value, span=self.since(start))
        if self._is_declaration():
            return self._declaration(start)
        value = self._condition()
        return (
            self._assignment(value, start)
            if self.take_if("=")
            else syntax.Discard(value, span=self.since(start))
        )

    def _if(self, start: Span) -> syntax.If:
        self.expect("(")
        condition = self.nested(self._condition)
        self.expect(")")
        then = self._block()
        otherwise: tuple[syntax.Statement, ...] = ()
        if self.take_if("else"):
            again = self.next.span
            otherwise = (
                (self.nested(lambda: self._if(again)),) if self.take_if("if") else self._block()
            )
        return syntax.If(condition, then, otherwise, span=self.since(start))

    def _is_declaration(self) -> bool:
        """A type, pairs of brackets, a name and `=`."""
        if self.peek("def"):
            return True
        ahead = 1
        while self.peek("[", ahead=ahead) and self.peek("]", ahead=ahead + 1):
            ahead += 2
        names = self.next.kind is Kind.NAME and self.ahead(ahead).kind is Kind.NAME
        return names and self.peek("=", ahead=ahead + 1)

    def _declaration(self, start: Span) -> syntax.Declare:
        kind = self.take().text
        while self.take_if("["):
            self.expect("]")
            kind += "[]"
        name = self.name()
        self.expect("=")
        return syntax.Declare(kind, name.text, self._value(), span=self.since(start))

    def _assignment(self, target: syntax.Value, start: Span) -> syntax.Assign:
        match target:
            case syntax.Name():
                return syntax.Assign(target, self._value(), span=self.since(start))
            case syntax.Member(safe=False) if (owner := _owner_or_none(target)) is not None:
                plain = syntax.Member(owner, target.name, span=target.span)
                return syntax.Assign(plain, self._value(), span=self.since(start))
            case syntax.Index(syntax.Name()):
                return syntax.Assign(target, self._value(), span=self.since(start))
            case _:
                raise RuleError("cannot assign to this", target.span, "tags.key or tags['key'] can")

    # Conditions.

    def _value(self) -> syntax.Value:
        """A value that is no condition."""
        value = self._elvis()
        if syntax.is_condition(value):
            hint = "compare in an if, or write a == b ? x : y"
            raise RuleError("a comparison is no value", value.span, hint)
        return value

    def _condition(self) -> syntax.Value:
        return self._logic("||", lambda: self._logic("&&", self._not))

    def _logic(self, op: str, operand: Callable[[], syntax.Value]) -> syntax.Value:
        start = self.next.span
        tree = operand()
        while self.take_if(op):
            tree = syntax.Infix(op, tree, operand(), span=self.since(start))
        return tree

    def _not(self) -> syntax.Value:
        start = self.next.span
        if self.take_if("!"):
            operand = self.nested(self._not)
            return syntax.Not(operand, span=self.since(start))
        value = self._elvis()
        if self.take_if("in"):
            self._refuse_condition(value)
            return syntax.In(value, self._words(), span=self.since(start))
        return value

    def _words(self) -> tuple[str, ...]:
        self.expect("[")
        if self.take_if("]"):
            return ()
        return self.items(lambda: unquote(self.of(Kind.STRING).text), "]")

    def _elvis(self) -> syntax.Value:
        start = self.next.span
        return self._elvis_after(self._ternary(), start)

    def _elvis_after(self, tree: syntax.Value, start: Span) -> syntax.Value:
        while self._take_elvis():
            self._refuse_condition(tree)
            behind = self.next.span.start
            right = self._ternary()
            if _is_comparison(right) and right.span.start == behind:  # and not in parentheses:
                left = syntax.Infix("?:", tree, right.left, span=self.since(start))
                return syntax.Infix(right.op, left, right.right, span=self.since(start))
            self._refuse_condition(right)
            tree = syntax.Infix("?:", tree, right, span=self.since(start))
        return tree

    def _take_elvis(self) -> bool:
        if self.peek("?") and self.peek(":", ahead=1):
            self.take()
            self.take()
            return True
        return self.take_if("?:") is not None

    def _ternary(self) -> syntax.Value:
        """The condition of a ternary is a comparison or a value; without `?` it stands alone."""
        start = self.next.span
        tree = self._find()
        op = self.take_if(*syntax.COMPARISONS)
        if op is not None:
            self._refuse_condition(tree)
            behind = self.next.span
            right = self._find()
            if not self._is_question():
                right = self._elvis_after(right, behind)
                self._refuse_condition(right)
            tree = syntax.Infix(op.text, tree, right, span=self.since(start))
        if not self._is_question():
            return tree
        if op is None:
            self._refuse_condition(tree)
        return self._answers(tree, start)

    def _is_question(self) -> bool:
        return self.peek("?") and not self.peek(":", ahead=1)

    def _answers(self, condition: syntax.Value, start: Span) -> syntax.Ternary:
        self.expect("?")
        then = self.nested(self._value)
        self.expect(":")
        otherwise = self.nested(self._ternary)
        self._refuse_condition(otherwise)
        return syntax.Ternary(condition, then, otherwise, span=self.since(start))

    def _refuse_condition(self, value: syntax.Value) -> None:
        if syntax.is_condition(value):
            raise RuleError("a comparison in parentheses is no value", value.span)

    # Values.

    def _find(self) -> syntax.Value:
        start = self.next.span
        tree = self._arithmetic(lambda: self._arithmetic(self._signed, "*", "/"), "+", "-")
        if self.take_if("=~"):
            self._refuse_condition(tree)
            pattern = self.of(Kind.REGEX).text[1:-1]
            return syntax.Find(tree, pattern, span=self.since(start))
        return tree

    def _arithmetic(self, operand: Callable[[], syntax.Value], *ops: str) -> syntax.Value:
        start = self.next.span
        tree = operand()
        while op := self.take_if(*ops):
            self._refuse_condition(tree)
            right = operand()
            self._refuse_condition(right)
            tree = syntax.Infix(op.text, tree, right, span=self.since(start))
        return tree

    def _signed(self) -> syntax.Value:
        start = self.next.span
        if self.take_if("-"):
            operand = self.nested(self._signed)
            self._refuse_condition(operand)
            return syntax.Minus(operand, span=self.since(start))
        tree = self._atom()
        while self.peek(".", "?.", "["):
            self._refuse_condition(tree)
            tree = self._link(tree, start)
        return tree

    def _atom(self) -> syntax.Value:
        span = self.next.span
        if self.next.kind is Kind.NUMBER:
            return syntax.Number(float(self.take().text), span=span)
        if self.next.kind is Kind.STRING:
            return _text(self.take())
        literal = self.literal_or_none()
        if literal is not None:
            return literal
        if self.peek("["):
            return self._map()
        if self.take_if("("):
            tree = self.nested(self._condition)
            self.expect(")")
            return tree
        return syntax.Name(self.name().text, span=span)

    def _map(self) -> syntax.Map:
        start = self.expect("[").span
        pairs = self.items(self._pair, "]")
        keys = tuple(key for key, _ in pairs)
        return syntax.Map(keys, tuple(value for _, value in pairs), span=self.since(start))

    def _pair(self) -> tuple[str, syntax.Value]:
        is_string = self.next.kind is Kind.STRING
        key = unquote(self.take().text) if is_string else self.name().text
        self.expect(":")
        return key, self.nested(self._value)

    def _link(self, tree: syntax.Value, start: Span) -> syntax.Value:
        if self.take_if("["):
            key = self.nested(self._value)
            self.expect("]")
            return syntax.Index(tree, key, span=self.since(start))
        safe = self.take().text == "?."
        name = self.name()
        if not self.take_if("("):
            return syntax.Member(tree, name.text, safe, span=self.since(start))
        arguments: tuple[syntax.Value, ...] = ()
        if not self.take_if(")"):
            arguments = self.items(lambda: self.nested(self._value), ")")
        return syntax.Method(tree, name.text, arguments, safe, span=self.since(start))

    def literal_or_none(self) -> syntax.Text | syntax.Truth | syntax.Null | None:
        """A text (a regular expression is one too), a truth or null."""
        span = self.next.span
        if self.next.kind is Kind.STRING:
            return syntax.Text(unquote(self.take().text), span=span)
        if self.next.kind is Kind.REGEX:
            return syntax.Text(self.take().text[1:-1], span=span)
        if word := self.take_if("true", "false"):
            return syntax.Truth(word.text == "true", span=span)
        return syntax.Null(span=span) if self.take_if("null") else None


def _is_comparison(value: syntax.Value) -> TypeGuard[syntax.Infix]:
    return isinstance(value, syntax.Infix) and value.op in syntax.COMPARISONS


def _owner_or_none(target: syntax.Member) -> syntax.Name | None:
    """Of `tags.a.b` only the first and the last name matter."""
    owner = target.target
    while isinstance(owner, syntax.Member) and not owner.safe:
        owner = owner.target
    return owner if isinstance(owner, syntax.Name) else None


def _text(token: Token) -> syntax.Value:
    """A string, and what is written into it as `${...}`."""
    value = unquote(token.text)
    parts = HOLE_IN_TEXT.split(value)
    if len(parts) == 1:
        return syntax.Text(value, span=token.span)
    values = [
        _dotted(part, token.span) if at % 2 else syntax.Text(part, span=token.span)
        for at, part in enumerate(parts)
        if at % 2 or part
    ]
    return syntax.Interpolation(tuple(values), span=token.span)


def _dotted(path: str, span: Span) -> syntax.Value:
    first, *rest = path.split(".")
    if first.endswith("()") or {first, *rest} & KEYWORDS:
        raise RuleError(f"${{{path}}} is not understood", span, "only ${a.b.c()} is")
    tree: syntax.Value = syntax.Name(first, span=span)
    for name in rest:
        if name.endswith("()"):
            tree = syntax.Method(tree, name[:-2], span=span)
        else:
            tree = syntax.Member(tree, name, span=span)
    return tree
