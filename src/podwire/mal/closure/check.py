"""
Judges closures before they run, by the types that their text tells.

In: a closure and what it is for.  Out: nothing, or a `RuleError` at the place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from podwire.mal.closure.java import compile_regex
from podwire.mal.closure.methods import (
    ENTITY_FIELDS,
    METHODS,
    REGEX_METHODS,
    TEXT_METHODS,
    Method,
    Type,
)
from podwire.mal.errors import RuleError, Span
from podwire.mal.processes import INVOCATIONS
from podwire.mal.text import syntax

Known = dict[str, Type]


class Use(StrEnum):
    """What a closure is for."""

    TAG = "tag"
    FOR_EACH = "forEach"
    PROPERTIES = "instance"
    DECORATE = "decorate"
    FILTER = "filter"


@dataclass(frozen=True, slots=True)
class Form:
    """What a closure of a use gets and gives."""

    defaults: tuple[str, ...]
    types: tuple[Type, ...]
    returns: Type | None
    """What a `return` must carry; None: it carries nothing."""


FORMS: Mapping[Use, Form] = {
    Use.TAG: Form(("it",), (Type.LABELS,), Type.LABELS),
    Use.FOR_EACH: Form(("element", "tags"), (Type.TEXT, Type.LABELS), None),
    Use.PROPERTIES: Form(("it",), (Type.LABELS,), Type.LABELS),
    Use.DECORATE: Form(("it",), (Type.ENTITY,), None),
    Use.FILTER: Form(("it",), (Type.LABELS,), None),
}

TYPES: Mapping[str, Type] = {
    "String": Type.TEXT,
    "CharSequence": Type.TEXT,
    "String[]": Type.TEXTS,
    "String[][]": Type.ROWS,
    **dict.fromkeys(("Integer", "Long", "Double", "Float", "Short", "Number"), Type.NUMBER),
    **dict.fromkeys(("int", "long", "double", "float", "short"), Type.NUMBER),
    **dict.fromkeys(("Boolean", "boolean"), Type.TRUTH),
}
"""What can be declared beside `def` and `Object`, which are what their value is."""


def parameters(closure: syntax.Closure, use: Use) -> tuple[str, ...]:
    """The names of a closure's parameters, written or not."""
    return closure.parameters or FORMS[use].defaults


def check_closure(closure: syntax.Closure, use: Use) -> None:
    """Refuse what cannot run."""
    form = FORMS[use]
    names = parameters(closure, use)
    if len(names) != len(form.types):
        wanted = f"{len(form.types)} parameter{'s' * (len(form.types) > 1)}"
        raise RuleError(f"{use}'s closure has {wanted}, not {len(names)}", closure.span)
    if use is Use.FILTER and not _is_condition(closure.body):
        raise RuleError("a filter is one condition", closure.span, "{ tags -> tags.job == 'x' }")
    _Checker(use).statements(closure.body, dict(zip(names, form.types, strict=True)))


def _is_condition(body: tuple[syntax.Statement, ...]) -> bool:
    return len(body) == 1 and isinstance(body[0], syntax.Discard)


class _Checker:
    """One closure's types; each method says what a part is or raises."""

    def __init__(self, use: Use) -> None:
        self._use = use

    # Statements.

    def statements(self, body: tuple[syntax.Statement, ...], known: Known) -> None:
        """What is declared here is known to what follows, and inside it."""
        known = dict(known)
        for statement in body:
            match statement:
                case syntax.If(condition, then, otherwise):
                    self.type_of(condition, known)
                    self.statements(then, known)
                    self.statements(otherwise, known)
                case syntax.Declare(kind, name, value):
                    known[name] = self._declared(kind, value, statement.span, known)
                case syntax.Assign(target, value):
                    self._assign(target, value, known)
                case syntax.Return(value):
                    self._return(value, statement.span, known)
                case syntax.Discard(value):
                    self.type_of(value, known)

    def _declared(self, kind: str, value: syntax.Value, span: Span, known: Known) -> Type:
        given = self.type_of(value, known)
        if kind in ("def", "Object"):
            return Type.ANY if given is Type.NULL else given
        if kind not in TYPES:
            raise RuleError(f"unknown type {kind!r}", span, f"there are def, {', '.join(TYPES)}")
        _want(TYPES[kind], given, value.span)
        return TYPES[kind]

    def _assign(self, target: syntax.Value, value: syntax.Value, known: Known) -> None:
        given = self.type_of(value, known)
        match target:
            case syntax.Name(name):
                _want(self.type_of(target, known), given, value.span)
                known[name] = given if known[name] is Type.ANY else known[name]
            case syntax.Member(owner, name):
                self._store(self.type_of(owner, known), name, target.span)
                _want(Type.TEXT, given, value.span)
            case syntax.Index(owner, key):
                self._store(self.type_of(owner, known), "", target.span)
                _want(Type.TEXT, self.type_of(key, known), key.span)
                _want(Type.TEXT, given, value.span)

    def _store(self, owner: Type, name: str, span: Span) -> None:
        """Whether there is such a place to store into."""
        if owner is Type.ENTITY:
            if not name.startswith("attr") or name not in ENTITY_FIELDS:
                raise RuleError("only attr0 to attr5 can be set", span)
        elif owner is not Type.LABELS:
            raise RuleError(f"{owner} has nothing to assign to", span)
        elif self._use in (Use.FILTER, Use.PROPERTIES):
            raise RuleError(f"{self._use}'s closure cannot change labels", span)

    def _return(self, value: syntax.Value | None, span: Span, known: Known) -> None:
        wanted = FORMS[self._use].returns
        if value is None and wanted is not None:
            raise RuleError(f"{self._use}'s closure returns labels", span, "return tags")
        if value is not None:
            if wanted is None:
                raise RuleError(f"{self._use}'s closure returns nothing", span)
            _want(wanted, self.type_of(value, known), value.span)

    # Values.

    def type_of(self, value: syntax.Value, known: Known) -> Type:
        """What a value is; whatever is wrong in it is raised."""
        match value:
            case syntax.Name(name):
                if name not in known:
                    hint = f"there are {', '.join(known)}"
                    raise RuleError(f"unknown name {name!r}", value.span, hint)
                return known[name]
            case syntax.Member(target, name):
                return _member(self.type_of(target, known), name, value.span)
            case syntax.Index(target, key):
                return self._index(target, key, known)
            case syntax.Method():
                return self._method(value, known)
            case syntax.Infix() | syntax.Minus() | syntax.Not() | syntax.Ternary():
                return self._operation(value, known)
            case syntax.Find(text, pattern):
                _want(Type.TEXT, self.type_of(text, known), text.span)
                check_regex(pattern, value.span)
                return Type.ROWS
            case _:
                return self._literal(value, known)

    def _literal(self, value: syntax.Value, known: Known) -> Type:
        match value:
            case syntax.Interpolation(parts):
                for part in parts:
                    self.type_of(part, known)
                return Type.TEXT
            case syntax.Map(_, values):
                for each in values:
                    _want(Type.TEXT, self.type_of(each, known), each.span)
                return Type.LABELS
            case syntax.In(operand):
                self.type_of(operand, known)
                return Type.TRUTH
            case syntax.Text():
                return Type.TEXT
            case syntax.Number():
                return Type.NUMBER
            case syntax.Truth():
                return Type.TRUTH
            case _:
                return Type.NULL

    def _index(self, target: syntax.Value, key: syntax.Value, known: Known) -> Type:
        owner, given = self.type_of(target, known), self.type_of(key, known)
        if owner not in INDEXED:
            raise RuleError(f"{owner} cannot be indexed", target.span)
        _want(INDEXED[owner][0], given, key.span)
        return INDEXED[owner][1]

    def _operation(self, value: syntax.Value, known: Known) -> Type:
        match value:
            case syntax.Infix("+", left, right):
                return _sum(self.type_of(left, known), self.type_of(right, known), value.span)
            case syntax.Infix("?:", left, right):
                return _either(self.type_of(left, known), self.type_of(right, known))
            case syntax.Infix(op, left, right):
                found = (self.type_of(left, known), self.type_of(right, known))
                if op not in (*syntax.LOGIC, "==", "!="):
                    _want(Type.NUMBER, found[0], left.span)
                    _want(Type.NUMBER, found[1], right.span)
                return Type.NUMBER if op in "-*/" else Type.TRUTH
            case syntax.Minus(operand):
                _want(Type.NUMBER, self.type_of(operand, known), operand.span)
                return Type.NUMBER
            case syntax.Ternary(condition, then, otherwise):
                self.type_of(condition, known)
                return _either(self.type_of(then, known), self.type_of(otherwise, known))
            case syntax.Not(operand):
                self.type_of(operand, known)
        return Type.TRUTH

    def _method(self, call: syntax.Method, known: Known) -> Type:
        given = [self.type_of(each, known) for each in call.arguments]
        match call.target:
            case syntax.Name(owner) if owner not in known:
                return _invocation(call, owner, given)
        owner = self.type_of(call.target, known)
        method = _method_of(owner, call)
        least = len(method.parameters) - method.optional
        if not least <= len(given) <= len(method.parameters):
            wanted = f"{least} to {len(method.parameters)}" if method.optional else str(least)
            raise RuleError(f"{call.name}() takes {wanted} arguments, not {len(given)}", call.span)
        for type_, found, argument in zip(method.parameters, given, call.arguments, strict=False):
            _want(type_, found, argument.span)
        if call.name in REGEX_METHODS and isinstance(call.arguments[0], syntax.Text):
            check_regex(call.arguments[0].value, call.arguments[0].span)
        return method.result


INDEXED: Mapping[Type, tuple[Type, Type]] = {
    Type.LABELS: (Type.TEXT, Type.TEXT),
    Type.TEXTS: (Type.NUMBER, Type.TEXT),
    Type.ROWS: (Type.NUMBER, Type.TEXTS),
    Type.ANY: (Type.ANY, Type.ANY),
}
"""What each type is indexed with, and what is found there."""


def _method_of(owner: Type, call: syntax.Method) -> Method:
    methods = TEXT_METHODS if owner is Type.ANY else METHODS.get(owner, {})
    if call.name not in methods:
        hint = f"there are {', '.join(methods)}" if methods else ""
        raise RuleError(f"{owner} has no method {call.name!r}", call.span, hint)
    return methods[call.name]


def _invocation(call: syntax.Method, owner: str, given: list[Type]) -> Type:
    title = f"{owner}.{call.name}"
    if (owner, call.name) not in INVOCATIONS:
        there = ", ".join(f"{owner}.{name}" for owner, name in INVOCATIONS)
        raise RuleError(f"unknown function {title!r}", call.span, f"there are {there}")
    wanted = INVOCATIONS[owner, call.name][0]
    if len(given) != wanted:
        raise RuleError(f"{title}() takes {wanted} arguments, not {len(given)}", call.span)
    for found, argument in zip(given, call.arguments, strict=True):
        _want(Type.TEXT, found, argument.span)
    return Type.TEXT


def _member(owner: Type, name: str, span: Span) -> Type:
    if owner is Type.LABELS:
        return Type.TEXT
    if owner is Type.ANY:
        return Type.ANY
    if owner is Type.ENTITY and name in ENTITY_FIELDS:
        return ENTITY_FIELDS[name]
    if owner in (Type.TEXTS, Type.ROWS) and name == "length":
        return Type.NUMBER
    hint = f"there are {', '.join(ENTITY_FIELDS)}" if owner is Type.ENTITY else ""
    raise RuleError(f"{owner} has no member {name!r}", span, hint)


def _sum(left: Type, right: Type, span: Span) -> Type:
    kinds = {left, right}
    if kinds & {Type.LABELS, Type.ENTITY, Type.TEXTS, Type.ROWS}:
        raise RuleError(f"cannot add {left} and {right}", span)
    if Type.TEXT in kinds:
        return Type.TEXT
    if Type.ANY in kinds:
        return Type.ANY
    if kinds == {Type.NUMBER}:
        return Type.NUMBER
    raise RuleError(f"cannot add {left} and {right}", span, "one of them must be a text")


def _either(one: Type, other: Type) -> Type:
    if Type.NULL in (one, other):
        return other if one is Type.NULL else one
    return one if one is other else Type.ANY


def _want(wanted: Type, given: Type, span: Span) -> None:
    if given is not wanted and not {given, wanted} & {Type.ANY, Type.NULL}:
        raise RuleError(f"expected {wanted}, this is {given}", span)


def check_regex(pattern: str, span: Span) -> None:
    """Refuse what is no regular expression."""
    try:
        compile_regex(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise RuleError(f"not a regular expression: {error}", span) from None
