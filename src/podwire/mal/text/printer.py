"""
Trees become rule text; the inverse of `parser`.

In: a tree.  Out: one line of text that parses to an equal tree.
"""

from podwire.mal.text import syntax
from podwire.mal.text.lexer import quote

STRENGTH = {"||": 1, "&&": 2, "==": 3, "!=": 3, "+": 4, "-": 4, "*": 5, "/": 5}
"""How tightly an operator binds; what is below its surroundings gets parentheses."""

UNARY, POSTFIX = 6, 7


def show(node: syntax.Node) -> str:
    """
    The text of a tree, with no more parentheses than it needs.

    >>> from podwire.mal.errors import Source
    >>> from podwire.mal.text.parser import parse
    >>> show(parse(Source("((a+b)) * (c.sum(['k']))")))
    "(a + b) * c.sum(['k'])"
    """
    match node:
        case syntax.Call(target, name, arguments, namespace):
            head = f"{namespace}::{name}" if namespace else name
            return f"{_inside(target, POSTFIX)}.{head}({_row(arguments)})"
        case syntax.Binary(op, left, right) | syntax.Infix(op, left, right):
            strength = STRENGTH[op]
            return f"{_inside(left, strength)} {op} {_inside(right, strength + 1)}"
        case syntax.Negate(operand):
            return f"-{_inside(operand, UNARY)}"
        case syntax.Not(operand):
            return f"!{_inside(operand, UNARY)}"
        case syntax.Closure(parameters, body):
            head = f"{', '.join(parameters)} ->" if parameters else "->"
            return f"{{ {head} {_block(body)} }}"
        case _:
            return _show_statement(node)


def _show_statement(node: syntax.Node) -> str:
    match node:
        case syntax.If(condition, then, otherwise):
            tail = f" else {{ {_block(otherwise)} }}" if otherwise else ""
            return f"if ({show(condition)}) {{ {_block(then)} }}{tail}"
        case syntax.Return(value):
            return "return" if value is None else f"return {show(value)}"
        case syntax.Declare(kind, name, value):
            return f"{kind} {name} = {show(value)}"
        case syntax.Assign(target, value):
            return f"{show(target)} = {show(value)}"
        case syntax.Discard(value):
            return show(value)
        case _:
            return _show_primary(node)


def _show_primary(node: syntax.Node) -> str:
    match node:
        case syntax.Number(value):
            return _digits(value)
        case syntax.Metric(name) | syntax.Name(name):
            return name
        case syntax.Member(target, name):
            return f"{_inside(target, POSTFIX)}.{name}"
        case syntax.Index(target, key):
            return f"{_inside(target, POSTFIX)}[{show(key)}]"
        case syntax.Invoke(owner, name, arguments):
            return f"{owner}.{name}({_row(arguments)})"
        case _:
            return _show_literal(node)


def _show_literal(node: syntax.Node) -> str:
    match node:
        case syntax.Text(value):
            return quote(value)
        case syntax.Texts(texts):
            return f"[{', '.join(map(quote, texts))}]"
        case syntax.Numbers(numbers):
            return f"[{', '.join(map(_digits, numbers))}]"
        case syntax.Enum(kind, value):
            return f"{kind}.{value}"
        case syntax.Truth(truth):
            return "true" if truth else "false"
        case syntax.Null():
            return "null"
        case _:
            raise TypeError(f"not a tree: {node!r}")


def _row(nodes: tuple[syntax.Argument, ...] | tuple[syntax.Value, ...]) -> str:
    return ", ".join(map(show, nodes))


def _block(body: tuple[syntax.Statement, ...]) -> str:
    return "; ".join(map(show, body))


def _digits(value: float) -> str:
    """Digits without an exponent, which the language does not know."""
    return str(int(value)) if value == int(value) else f"{value:.17f}".rstrip("0")


def _inside(node: syntax.Node, strength: int) -> str:
    text = show(node)
    return f"({text})" if _strength(node) < strength else text


def _strength(node: syntax.Node) -> int:
    match node:
        case syntax.Binary(op) | syntax.Infix(op):
            return STRENGTH[op]
        case syntax.Negate() | syntax.Not() | syntax.Number():
            return UNARY
        case _:
            return POSTFIX
