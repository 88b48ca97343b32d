"""
Whether a closure could look at one label; where not, its whole column is done at once.

In: a label, and a closure over labels.  Out: False only when it certainly does not.
"""

from podwire.mal.closure.check import Use, parameters
from podwire.mal.text import syntax


def may_touch(
    label: str, elements: tuple[str, ...], closure: syntax.Closure, use: Use = Use.FOR_EACH
) -> bool:
    """
    Whether a closure could read or write a label; when in doubt it could.

    >>> body = syntax.Discard(syntax.Index(syntax.Name("tags"), syntax.Name("key")))
    >>> closure = syntax.Closure(("key", "tags"), (body,))
    >>> may_touch("le", ("side",), closure), may_touch("le", ("le",), closure)
    (False, True)
    """
    names = parameters(closure, use)
    nodes = list(syntax.walk(closure))
    if any(isinstance(node, syntax.Map) for node in nodes):
        return True
    if any(isinstance(node, syntax.Assign) and _is_name(node.target, names) for node in nodes):
        return True
    if sum(_is_name(node, names[-1:]) for node in nodes) > sum(
        _names(node, names) for node in nodes
    ):
        return True  # the labels themselves go somewhere, not only one of them
    known = {names[0]: elements} if use is Use.FOR_EACH else {}
    return any(_may_be(label, key, known) for node in nodes if (key := _key_or_none(node)))


def _is_name(node: syntax.Node, names: tuple[str, ...]) -> bool:
    return isinstance(node, syntax.Name) and node.name in names


def _names(node: syntax.Node, names: tuple[str, ...]) -> bool:
    """Whether this names one label, or gives the labels back as they are."""
    match node:
        case syntax.Member(target) | syntax.Index(target) | syntax.Return(target):
            return target is not None and _is_name(target, names[-1:])
        case _:
            return False


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
        case syntax.Number():
            return False
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
