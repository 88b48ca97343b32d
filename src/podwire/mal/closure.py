"""
Runs a closure over one label set; the plan asks once per series, so it simply walks the tree.

In: a closure that `check` let pass, an element and labels.  Out: labels, or None when it failed.
"""

from podwire.mal.labels import Labels
from podwire.mal.processes import INVOCATIONS, AddressError, Processes
from podwire.mal.text import syntax

Datum = str | bool | dict[str, str] | None

TEXT_OF = {None: "null", True: "true", False: "false"}


class _LabelError(Exception):
    """What the closure says cannot be done with these labels."""


def for_each(
    elements: tuple[str, ...], closure: syntax.Closure, processes: Processes, labels: Labels
) -> Labels | None:
    """Run a closure once per element over one copy of the labels."""
    tags = dict(labels)
    element_name, tags_name = closure.parameters or ("element", "tags")
    try:
        for element in elements:
            scope: dict[str, Datum] = {element_name: element, tags_name: tags}
            _run(closure.body, scope, processes)
    except (_LabelError, AddressError):
        return None
    return tuple(tags.items())


def may_touch(label: str, elements: tuple[str, ...], closure: syntax.Closure) -> bool:
    """
    Whether a closure could read or write a label; when in doubt it could.

    >>> body = syntax.Discard(syntax.Index(syntax.Name("tags"), syntax.Name("key")))
    >>> closure = syntax.Closure(("key", "tags"), (body,))
    >>> may_touch("le", ("side",), closure), may_touch("le", ("le",), closure)
    (False, True)
    """
    parameters = closure.parameters or ("element", "tags")
    nodes = list(syntax.walk(closure))
    names = tuple(map(syntax.Name, parameters))
    if any(isinstance(node, syntax.Assign) and node.target in names for node in nodes):
        return True
    known = {parameters[0]: elements}
    return any(_may_be(label, key, known) for node in nodes if (key := _key_or_none(node)))


def _key_or_none(node: syntax.Node) -> syntax.Value | None:
    match node:
        case syntax.Member(_, name):
            return syntax.Text(name)
        case syntax.Index(_, key):
            return key
        case _:
            return None


def _may_be(text: str, key: syntax.Value, known: dict[str, tuple[str, ...]]) -> bool:
    match key:
        case syntax.Text(value):
            return value == text
        case syntax.Name(name) if name in known:
            return text in known[name]
        case syntax.Infix("+", left, right):
            return _may_hold(text, left) and _may_hold(text, right)
        case _:
            return True


def _may_hold(text: str, part: syntax.Value) -> bool:
    match part:
        case syntax.Text(value):
            return value in text
        case syntax.Infix("+", left, right):
            return _may_hold(text, left) and _may_hold(text, right)
        case _:
            return True


def _run(body: tuple[syntax.Statement, ...], scope: dict[str, Datum], world: Processes) -> bool:
    """Whether the closure goes on after these statements."""
    for statement in body:
        match statement:
            case syntax.Return():
                return False
            case syntax.If(condition, then, otherwise):
                chosen = then if _truth(evaluate(condition, scope, world)) else otherwise
                if not _run(chosen, scope, world):
                    return False
            case syntax.Declare(_, name, value):
                scope[name] = evaluate(value, scope, world)
            case syntax.Assign(target, value):
                _assign(target, evaluate(value, scope, world), scope, world)
            case syntax.Discard(value):
                evaluate(value, scope, world)
    return True


def _assign(target: syntax.Value, value: Datum, scope: dict[str, Datum], world: Processes) -> None:
    match target:
        case syntax.Name(name):
            scope[name] = value
        case syntax.Member(syntax.Name(tags), key):
            _store(scope[tags], key, value)
        case syntax.Index(syntax.Name(tags), key):
            _store(scope[tags], evaluate(key, scope, world), value)


def _store(tags: Datum, key: Datum, value: Datum) -> None:
    if not (isinstance(tags, dict) and isinstance(key, str) and isinstance(value, str)):
        raise _LabelError
    tags[key] = value


def evaluate(value: syntax.Value, scope: dict[str, Datum], world: Processes) -> Datum:
    """What a value of a closure comes to."""
    match value:
        case syntax.Text(text):
            return text
        case syntax.Truth(truth):
            return truth
        case syntax.Name(name):
            return scope.get(name)
        case syntax.Member(target, name):
            return _read(evaluate(target, scope, world), name)
        case syntax.Index(target, key):
            return _read(evaluate(target, scope, world), evaluate(key, scope, world))
        case syntax.Invoke(owner, name, arguments):
            function = INVOCATIONS[owner, name][1]
            return function(world, *(evaluate(each, scope, world) for each in arguments))
        case syntax.Not(operand):
            return not _truth(evaluate(operand, scope, world))
        case syntax.Infix():
            return _infix(value, scope, world)
        case _:
            return None


def _infix(tree: syntax.Infix, scope: dict[str, Datum], world: Processes) -> Datum:
    left = evaluate(tree.left, scope, world)
    match tree.op:
        case "&&":
            return _truth(left) and _truth(evaluate(tree.right, scope, world))
        case "||":
            return _truth(left) or _truth(evaluate(tree.right, scope, world))
        case "==":
            return left == evaluate(tree.right, scope, world)
        case "!=":
            return left != evaluate(tree.right, scope, world)
        case _:
            return _text(left) + _text(evaluate(tree.right, scope, world))


def _read(tags: Datum, key: Datum) -> Datum:
    if not (isinstance(tags, dict) and isinstance(key, str)):
        raise _LabelError
    return tags.get(key)


def _truth(value: Datum) -> bool:
    """Groovy's: nothing, no text and no labels are false."""
    return bool(value)


def _text(value: Datum) -> str:
    """Java's: nothing reads `null`."""
    if isinstance(value, dict):
        raise _LabelError
    return value if isinstance(value, str) else TEXT_OF[value]
