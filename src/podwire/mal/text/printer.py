"""
Trees become rule text; the inverse of `parser`.

In: a tree.  Out: one line of text that parses to an equal tree.
"""

from math import inf, isfinite

from podwire.mal.text import syntax
from podwire.mal.text.lexer import quote

STRENGTH = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(syntax.COMPARISONS, 4),
    "?:": 5,
    "+": 8,
    "-": 8,
    "*": 9,
    "/": 9,
}
"""How tightly an operator binds; what is below its surroundings gets parentheses."""

NOT, COMPARISON, ELVIS, TERNARY, FIND, SUM, UNARY, POSTFIX = 3, 4, 5, 6, 7, 8, 10, 11


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
        case syntax.Binary(op, left, right):
            strength = STRENGTH[op]
            return f"{_inside(left, strength)} {op} {_inside(right, strength + 1)}"
        case syntax.Negate(operand):
            return f"-{_inside(operand, UNARY)}"
        case syntax.Closure(parameters, body):
            head = f"{', '.join(parameters)} ->" if parameters else "->"
            return f"{{ {head} {_block(body)} }}"
        case syntax.Metric(name):
            return name
        case syntax.Time():
            return "time()"
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
            return _show_operation(node)


def _show_operation(node: syntax.Node) -> str:
    match node:
        case syntax.Infix(op, left, right):
            return _show_infix(op, left, right)
        case syntax.Ternary(condition, then, otherwise):
            asked = _show_asked(condition)
            return f"{asked} ? {_inside(then, ELVIS)} : {_inside(otherwise, TERNARY)}"
        case syntax.Find(value, pattern):
            return f"{_inside(value, SUM)} =~ /{pattern}/"
        case syntax.In(value, items):
            return f"{_inside(value, ELVIS)} in [{', '.join(map(quote, items))}]"
        case syntax.Not(operand):
            return f"!{_inside(operand, ELVIS)}"
        case syntax.Minus(operand):
            return f"-{_inside(operand, UNARY)}"
        case _:
            return _show_chain(node)


def _show_infix(op: str, left: syntax.Value, right: syntax.Value) -> str:
    if op in syntax.COMPARISONS:
        return f"{_inside(left, FIND)} {op} {_inside(right, FIND)}"
    strength = STRENGTH[op]
    return f"{_inside(left, strength)} {op} {_inside(right, strength + 1)}"


def _show_asked(condition: syntax.Value) -> str:
    match condition:
        case syntax.Infix(op, left, right) if op in syntax.COMPARISONS:
            return f"{_inside(left, FIND)} {op} {_inside(right, FIND)}"
        case _:
            return _inside(condition, FIND)


def _show_chain(node: syntax.Node) -> str:
    match node:
        case syntax.Member(target, name, safe):
            return f"{_inside(target, POSTFIX)}{'?.' if safe else '.'}{name}"
        case syntax.Index(target, key):
            return f"{_inside(target, POSTFIX)}[{show(key)}]"
        case syntax.Method(target, name, arguments, safe):
            dot = "?." if safe else "."
            return f"{_inside(target, POSTFIX)}{dot}{name}({_row(arguments)})"
        case _:
            return _show_literal(node)


def _show_literal(node: syntax.Node) -> str:
    match node:
        case syntax.Number(value):
            return _digits(value)
        case syntax.Name(name):
            return name
        case syntax.Text(value):
            return quote(value)
        case syntax.Truth(truth):
            return "true" if truth else "false"
        case syntax.Null():
            return "null"
        case _:
            return _show_list(node)


def _show_list(node: syntax.Node) -> str:
    match node:
        case syntax.Texts(texts):
            return f"[{', '.join(map(quote, texts))}]"
        case syntax.Numbers(numbers):
            return f"[{', '.join(map(_digits, numbers))}]"
        case syntax.Map(keys, values):
            pairs = zip(keys, values, strict=True)
            return f"[{', '.join(f'{quote(key)}: {show(value)}' for key, value in pairs)}]"
        case syntax.Interpolation(parts):
            return quote("".join(map(_show_part, parts)))
        case syntax.Enum(kind, value):
            return f"{kind}.{value}"
        case _:
            raise TypeError(f"not a tree: {node!r}")


def _show_part(part: syntax.Value) -> str:
    return part.value if isinstance(part, syntax.Text) else f"${{{show(part)}}}"


def _row(nodes: tuple[syntax.Argument, ...] | tuple[syntax.Value, ...]) -> str:
    return ", ".join(map(show, nodes))


def _block(body: tuple[syntax.Statement, ...]) -> str:
    return "; ".join(map(show, body))


def _digits(value: float) -> str:
    """Digits without an exponent, which the language does not know; what has none is divided."""
    if not isfinite(value):
        return {inf: "(1 / 0)", -inf: "(-1 / 0)"}.get(value, "(0 / 0)")
    return str(int(value)) if value == int(value) else f"{value:.17f}".rstrip("0")


def _inside(node: syntax.Node, strength: int) -> str:
    text = show(node)
    return f"({text})" if _strength(node) < strength else text


def _strength(node: syntax.Node) -> int:
    match node:
        case syntax.Binary(op) | syntax.Infix(op):
            return STRENGTH[op]
        case _:
            return STRENGTHS.get(type(node), POSTFIX)


STRENGTHS = {
    syntax.Negate: UNARY,
    syntax.Number: UNARY,
    syntax.Minus: UNARY,
    syntax.Not: NOT,
    syntax.In: NOT,
    syntax.Ternary: TERNARY,
    syntax.Find: FIND,
}
