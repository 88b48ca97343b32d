"""
A tree as text again, without any space: so it stands in messages, and parses to the same tree.

In: a tree.  Out: text.
"""

from podwire.query.mqe import tree
from podwire.query.mqe.tree import Node


def text_of(node: Node) -> str:
    """
    The text of a tree.

    >>> from podwire.query.mqe.parse import parse
    >>> text_of(parse('top_n( m { p = "50" }, 5, DES )/ 1.50'))
    "top_n(m{p='50'},5,des)/1.50"
    """
    match node:
        case tree.Number(text):
            return text
        case tree.MetricRef(name, labels):
            inside = ",".join(_label(each) for each in labels)
            return f"{name}{{{inside}}}" if labels else name
        case tree.Parentheses(inner):
            return f"({text_of(inner)})"
        case tree.Binary(operator, left, right):
            return f"{text_of(left)}{operator}{text_of(right)}"
        case tree.TopN():
            return f"top_n({','.join(_top_n_parts(node))})"
        case _:
            return f"{_name(node)}({','.join(_parts(node))})"


def _name(node: Node) -> str:
    match node:
        case tree.TopNOf():
            return "top_n_of"
        case tree.Relabels():
            return "relabels"
        case tree.AggregateLabels():
            return "aggregate_labels"
        case tree.SortValues():
            return "sort_values"
        case tree.SortLabelValues():
            return "sort_label_values"
        case tree.Baseline():
            return "baseline"
        case _:
            return str(getattr(node, "function", ""))


def _parts(node: Node) -> list[str]:
    """What stands between a call's parentheses: the expressions in it, then the rest."""
    return [*(text_of(child) for child in tree.children(node)), *_rest(node)]


def _rest(node: Node) -> list[str]:
    match node:
        case tree.Rounding(_, _, decimals):
            return [] if decimals is None else [str(decimals)]
        case tree.Trend(_, _, steps):
            return [str(steps)]
        case tree.Baseline(_, bound):
            return [bound]
        case tree.TopNOf(_, limit, order):
            return [str(limit), order]
        case tree.Relabels(_, label, replacement):
            return [_label(label), _label(replacement)]
        case tree.AggregateLabels(_, function, labels):
            return [f"{function}({','.join(labels)})" if labels else function]
        case tree.SortValues(_, limit, order, function):
            return [str(limit), order, function]
        case tree.SortLabelValues(_, order, labels):
            return [order, *labels]
        case _:
            return []


def _top_n_parts(node: tree.TopN) -> list[str]:
    signs = {True: "=", False: "!="}
    conditions = [f"{e.name}{signs[e.is_equal]}{_quoted(e.value)}" for e in node.attributes]
    return [text_of(node.metric), str(node.limit), node.order, *conditions]


def _label(label: tree.Label) -> str:
    return f"{label[0]}={_quoted(label[1])}"


def _quoted(text: str) -> str:
    quote = '"' if "'" in text else "'"
    return f"{quote}{text}{quote}"
