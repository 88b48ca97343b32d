"""
Runs a closure over one label set; the plan asks once per series, so it simply walks the tree.

In: a closure that `check` let pass, and labels.  Out: labels, a truth, properties or attributes.
Raises `SampleError` where Java would throw.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from podwire.mal.closure import java
from podwire.mal.closure.check import Use, parameters
from podwire.mal.closure.methods import (
    ARRAY_METHODS,
    LABEL_METHODS,
    LAYER_METHODS,
    TEXT_METHODS,
    Method,
)
from podwire.mal.errors import SampleError
from podwire.mal.labels import Labels
from podwire.mal.processes import INVOCATIONS, AddressError, Processes
from podwire.mal.text import syntax

Datum = Any
"""A text, number, truth, array of texts, map of texts, or None."""


class LayerName(str):
    """A layer, which has methods of its own."""

    __slots__ = ()


METHODS_OF: Mapping[type, Mapping[str, Method]] = {
    LayerName: LAYER_METHODS,
    str: TEXT_METHODS,
    list: ARRAY_METHODS,
    dict: LABEL_METHODS,
}

THROWN = (ValueError, IndexError, KeyError, TypeError, ArithmeticError, AttributeError, re.error)
"""What a method or an index raises where Java would throw."""


class _Return(Exception):
    """A closure is done."""

    def __init__(self, value: Datum) -> None:
        super().__init__()
        self.value = value


def for_each(
    elements: tuple[str, ...], closure: syntax.Closure, world: Processes, labels: Labels
) -> Labels:
    """Run a closure once per element over one copy of the labels."""
    tags: dict[str, Datum] = dict(labels)
    names = parameters(closure, Use.FOR_EACH)
    for element in elements:
        _call(closure, dict(zip(names, (element, tags), strict=True)), world)
    return _frozen(tags, closure)


def tag(closure: syntax.Closure, world: Processes, labels: Labels) -> Labels:
    """The map a closure returns, else the labels as it left them."""
    tags: dict[str, Datum] = dict(labels)
    returned = _call(closure, {parameters(closure, Use.TAG)[0]: tags}, world)
    return _frozen(returned if isinstance(returned, dict) else tags, closure)


def keep(closure: syntax.Closure, world: Processes, labels: Labels) -> bool:
    """Whether a filter's condition holds."""
    name = parameters(closure, Use.FILTER)[0]
    (condition,) = closure.body
    if not isinstance(condition, syntax.Discard):
        raise SampleError("not a condition", closure.span)
    with _java(closure):
        return _truth(_Run(world, {name: dict(labels)}).value(condition.value))


def properties(closure: syntax.Closure, world: Processes, labels: Labels) -> Labels:
    """The map a closure writes or returns; what is null is no property."""
    scope = {parameters(closure, Use.PROPERTIES)[0]: dict(labels)}
    match closure.body:
        case (syntax.Discard(value),):
            with _java(closure):
                found = _Run(world, scope).value(value)
        case _:
            found = _call(closure, scope, world)
    pairs = found.items() if isinstance(found, dict) else ()
    return tuple((key, value) for key, value in pairs if value is not None)


def decorate(closure: syntax.Closure, world: Processes, service: str, layer: str) -> Labels:
    """The attributes a closure gives to a service."""
    bean: dict[str, Datum] = {"serviceName": service, "layer": LayerName(layer)}
    _call(closure, {parameters(closure, Use.DECORATE)[0]: bean}, world)
    return tuple(
        (key, value)
        for key, value in sorted(bean.items())
        if key.startswith("attr") and value is not None
    )


def _call(closure: syntax.Closure, scope: dict[str, Datum], world: Processes) -> Datum:
    try:
        with _java(closure):
            _Run(world, scope).statements(closure.body)
    except _Return as done:
        return done.value
    return None


@contextmanager
def _java(closure: syntax.Closure) -> Iterator[None]:
    """What nothing nearer to it explained is an error of the closure."""
    try:
        yield
    except THROWN as error:
        raise SampleError(f"cannot be run: {error}", closure.span) from None


def _frozen(tags: dict[str, Datum], closure: syntax.Closure) -> Labels:
    for key, value in tags.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise SampleError(f"the label {key!r} became null", closure.span)
    return tuple(tags.items())


class _Run:
    """One run of one closure: its variables."""

    def __init__(self, world: Processes, scope: dict[str, Datum]) -> None:
        self._world = world
        self._scope = scope

    def statements(self, body: tuple[syntax.Statement, ...]) -> None:
        for statement in body:
            match statement:
                case syntax.Return(value):
                    raise _Return(None if value is None else self.value(value))
                case syntax.If(condition, then, otherwise):
                    self.statements(then if _truth(self.value(condition)) else otherwise)
                case syntax.Declare(_, name, value):
                    self._scope[name] = self.value(value)
                case syntax.Assign(target, value):
                    self._assign(target, self.value(value))
                case syntax.Discard(value):
                    self.value(value)

    def _assign(self, target: syntax.Value, value: Datum) -> None:
        match target:
            case syntax.Name(name):
                self._scope[name] = value
            case syntax.Member(owner, key):
                self.value(owner)[key] = value
            case syntax.Index(owner, key):
                self.value(owner)[self.value(key)] = value

    def value(self, tree: syntax.Value) -> Datum:
        """What a value of a closure comes to."""
        match tree:
            case syntax.Text(value) | syntax.Truth(value):
                return value
            case syntax.Number(value):
                return int(value) if value == int(value) else value
            case syntax.Name(name):
                return self._scope.get(name)
            case syntax.Null():
                return None
            case syntax.Interpolation(parts):
                return "".join(_text(self.value(part), part) for part in parts)
            case syntax.Map(keys, values):
                return dict(zip(keys, map(self.value, values), strict=True))
            case _:
                return self._part(tree)

    def _part(self, tree: syntax.Value) -> Datum:
        match tree:
            case syntax.Member(target, name):
                return _member(self.value(target), name, tree)
            case syntax.Index(target, key):
                return _index(self.value(target), self.value(key), tree)
            case syntax.Method():
                return self._method(tree)
            case _:
                return self._operation(tree)

    def _operation(self, tree: syntax.Value) -> Datum:
        match tree:
            case syntax.Infix(op, left, right) if op in syntax.LOGIC:
                first = _truth(self.value(left))
                decided = first if op == "||" else not first
                return first if decided else _truth(self.value(right))
            case syntax.Infix(op, left, right):
                return _infix(op, self.value(left), self.value(right), tree)
            case syntax.Not(operand):
                return not _truth(self.value(operand))
            case syntax.Minus(operand):
                return _infix("-", 0, self.value(operand), tree)
            case syntax.In(operand, items):
                return self.value(operand) in items
            case syntax.Find(operand, pattern):
                return _find(self.value(operand), pattern, tree)
            case syntax.Ternary(condition, then, otherwise):
                asked = self.value(condition)
                chosen = asked if isinstance(asked, bool) else asked is not None
                return self.value(then if chosen else otherwise)
            case _:
                raise SampleError("not a value", tree.span)

    def _method(self, call: syntax.Method) -> Datum:
        arguments = [self.value(each) for each in call.arguments]
        if isinstance(call.target, syntax.Name) and call.target.name not in self._scope:
            function = INVOCATIONS[call.target.name, call.name][1]
            try:
                return function(self._world, *arguments)
            except AddressError:
                raise SampleError("there is no address to name", call.span) from None
        target = self.value(call.target)
        if target is None and call.safe:
            return None
        method = METHODS_OF.get(type(target), {}).get(call.name)
        if method is None:
            what = "null" if target is None else "it"
            raise SampleError(f"{what} has no method {call.name}()", call.span)
        try:
            return method.run(target, *arguments)
        except THROWN as error:
            raise SampleError(f"{call.name}(): {error}", call.span) from None


def _member(target: Datum, name: str, tree: syntax.Value) -> Datum:
    if isinstance(target, dict):
        return target.get(name)
    if isinstance(target, list) and name == "length":
        return len(target)
    what = "null" if target is None else "it"
    raise SampleError(f"{what} has no member {name}", tree.span)


def _index(target: Datum, key: Datum, tree: syntax.Value) -> Datum:
    if isinstance(target, dict):
        return target.get(key)
    if not isinstance(target, list) or not isinstance(key, int):
        raise SampleError("null cannot be indexed", tree.span)
    if not 0 <= key < len(target):
        raise SampleError(f"{key} is outside an array of {len(target)}", tree.span)
    return target[key]


def _find(text: Datum, pattern: str, tree: syntax.Value) -> list[list[str | None]] | None:
    if not isinstance(text, str):
        raise SampleError("null cannot be searched", tree.span)
    match = java.compile_regex(pattern).search(text)
    return None if match is None else [[match[0], *match.groups()]]


def _infix(op: str, left: Datum, right: Datum, tree: syntax.Value) -> Datum:
    match op:
        case "==":
            return _equal(left, right)
        case "!=":
            return not _equal(left, right)
        case "?:":
            return left if _truth(left) else right
        case "+" if isinstance(left, str) or isinstance(right, str):
            return _text(left, tree) + _text(right, tree)
    if not (_is_number(left) and _is_number(right)):
        raise SampleError(f"{op} needs two numbers", tree.span)
    try:
        return ARITHMETIC[op](left, right)
    except ZeroDivisionError:
        raise SampleError("divided by zero", tree.span) from None


def _divided(left: Datum, right: Datum) -> Datum:
    """Whole numbers divide to a whole number, cut towards zero."""
    if isinstance(left, int) and isinstance(right, int):
        whole = abs(left) // abs(right)
        return whole if (left < 0) == (right < 0) else -whole
    return left / right


ARITHMETIC: Mapping[str, Any] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divided,
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
}


def _is_number(value: Datum) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(left: Datum, right: Datum) -> bool:
    """By value, null included; a truth is no number."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _truth(value: Datum) -> bool:
    """Groovy's: nothing, no text, zero and what is empty are false."""
    return bool(value)


def _text(value: Datum, tree: syntax.Value) -> str:
    """Java's: nothing reads `null`."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return java.double_text(value)
    if isinstance(value, str | int):
        return str(value)
    raise SampleError("this is no text", tree.span)
