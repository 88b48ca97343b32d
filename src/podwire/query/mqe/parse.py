"""
Reads an expression.

In: text.  Out: a tree. `* / %` bind tighter than `+ -`, those tighter than comparisons, and `&&`
and `||` least and alike; all from the left. As in SkyWalking, what stands behind a whole
expression is not read: `a b` is `a`.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from podwire.query.mqe import tree
from podwire.query.mqe.lexer import ExpressionError, Word, place, word
from podwire.query.mqe.tree import Node

MOST_NESTED = 50
DEEPEST = 200
MOST_NODES = 1000
MOST_CHARACTERS = 20_000
LARGEST = 2**31 - 1

LEVELS = {
    **dict.fromkeys(("*", "/", "%"), 4),
    **dict.fromkeys(("+", "-"), 3),
    **dict.fromkeys(("==", "!=", "<=", "<", ">=", ">"), 2),
    **dict.fromkeys(("&&", "||"), 1),
}
COMPARISONS = frozenset(sign for sign, level in LEVELS.items() if level == 2)
AGGREGATES = ("avg", "count", "latest", "max", "min", "sum")
LABEL_AGGREGATES = ("avg", "max", "min", "sum")

Item = TypeVar("Item")


def parse(text: str) -> Node:
    """The tree of an expression. Raises `ExpressionError` with line and column."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(f"the expression is longer than {MOST_CHARACTERS} characters")
    found = _Parser(text).expression()
    for count, (_, depth) in enumerate(tree.walk(found)):
        if depth > DEEPEST or count >= MOST_NODES:
            raise ExpressionError(
                f"the expression is deeper than {DEEPEST} or has more than {MOST_NODES} parts"
            )
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self._next = word(text, 0)

    # What the rest is made of.

    def _take(self, *kinds: str) -> Word:
        """The next word, which must be one of these."""
        taken = self._next
        if taken.kind not in kinds:
            raise self._error(*kinds)
        self._next = word(self._text, taken.end)
        return taken

    def _error(self, *expected: str) -> ExpressionError:
        names = ", ".join(NAMED.get(each, f"'{each}'") for each in expected)
        wanted = names if len(expected) == 1 else f"{{{names}}}"
        at = place(self._text, self._next.start)
        seen = self._next.text[:80]
        return ExpressionError(f"{at} mismatched input '{seen}' expecting {wanted}")

    def _list(self, item: Callable[[], Item]) -> tuple[Item, ...]:
        """Items between commas, at least one."""
        found = [item()]
        while self._next.kind == ",":
            self._take(",")
            found.append(item())
        return tuple(found)

    def _then(self, item: Callable[[], Item]) -> Item:
        """A comma and an item."""
        self._take(",")
        return item()

    # Expressions.

    def expression(self, weakest: int = 1) -> Node:
        """Operands and the operators between them, from the left."""
        node = self._operand()
        while (level := LEVELS.get(self._next.kind, 0)) >= weakest:
            operator = self._take(self._next.kind).kind
            if operator in COMPARISONS and self._next.kind == "bool":
                self._take("bool")
            node = tree.Binary(operator, node, self.expression(level + 1))
        return node

    def _operand(self) -> Node:
        kind = self._next.kind
        if kind in ("integer", "decimal"):
            return tree.Number(self._take(kind).text)
        if kind == "name":
            return self._metric()
        if kind not in CALLS and kind != "(":
            raise self._error("(", "name", "integer", "decimal", "function")
        self._depth += 1
        if self._depth > MOST_NESTED:
            at = place(self._text, self._next.start)
            raise ExpressionError(f"{at} more than {MOST_NESTED} expressions inside each other")
        node = self._parentheses() if kind == "(" else self._call()
        self._depth -= 1
        return node

    def _parentheses(self) -> Node:
        self._take("(")
        inner = self.expression()
        self._take(")")
        return tree.Parentheses(inner)

    def _call(self) -> Node:
        name = self._take(self._next.kind).kind
        self._take("(")
        node = CALLS[name](self, name)
        self._take(")")
        return node

    # Calls, behind their name and opening parenthesis.

    def _aggregate(self, name: str) -> Node:
        return tree.Aggregate(name, self.expression())

    def _plain(self, name: str) -> Node:
        return tree.Rounding(name, self.expression())

    def _round(self, name: str) -> Node:
        return tree.Rounding(name, self.expression(), self._then(self._integer))

    def _trend(self, name: str) -> Node:
        return tree.Trend(name, self._metric(), self._then(self._integer))

    def _baseline(self, name: str) -> Node:
        del name
        return tree.Baseline(
            self._metric(), self._then(lambda: self._take("value", "upper", "lower").kind)
        )

    def _sequence(self, name: str) -> Node:
        return tree.Sequence(name, self._list(self.expression))

    def _top_n(self, name: str) -> tree.TopN:
        del name
        metric, limit = self._metric(), self._then(self._integer)
        order = self._then(self._order)
        attributes: tuple[tree.Attribute, ...] = ()
        if self._next.kind == ",":
            attributes = self._then(lambda: self._list(self._attribute))
        return tree.TopN(metric, limit, order, attributes)

    def _top_n_of(self, name: str) -> Node:
        del name
        lists = [self._inner_top_n()]
        self._take(",")
        while self._next.kind == "top_n":
            lists.append(self._inner_top_n())
            self._take(",")
        return tree.TopNOf(tuple(lists), self._integer(), self._then(self._order))

    def _inner_top_n(self) -> tree.TopN:
        self._take("top_n")
        self._take("(")
        found = self._top_n("top_n")
        self._take(")")
        return found

    def _relabels(self, name: str) -> Node:
        del name
        argument, label = self.expression(), self._then(self._label)
        return tree.Relabels(argument, label, self._then(self._label))

    def _aggregate_labels(self, name: str) -> Node:
        del name
        argument = self.expression()
        function = self._then(lambda: self._take(*LABEL_AGGREGATES).kind)
        labels: tuple[str, ...] = ()
        if self._next.kind == "(":
            self._take("(")
            labels = self._list(self._name)
            self._take(")")
        return tree.AggregateLabels(argument, function, labels)

    def _sort_values(self, name: str) -> Node:
        del name
        argument, limit = self.expression(), self._then(self._integer)
        order = self._then(self._order)
        function = self._then(lambda: self._take(*AGGREGATES).kind)
        return tree.SortValues(argument, limit, order, function)

    def _sort_label_values(self, name: str) -> Node:
        del name
        argument, order = self.expression(), self._then(self._order)
        return tree.SortLabelValues(argument, order, self._then(lambda: self._list(self._name)))

    # Parts of them.

    def _metric(self) -> tree.MetricRef:
        name = self._take("name").text
        labels: tuple[tree.Label, ...] = ()
        if self._next.kind == "{":
            self._take("{")
            if self._next.kind != "}":
                labels = self._list(self._label)
            self._take("}")
        return tree.MetricRef(name, labels)

    def _label(self) -> tree.Label:
        name = self._name()
        self._take("=")
        return name, self._quoted()

    def _name(self) -> str:
        return self._take("name").text

    def _quoted(self) -> str:
        return self._take("text").text[1:-1]

    def _attribute(self) -> tree.Attribute:
        name = self._take(*ATTRIBUTES).kind
        is_equal = self._take("=", "!=").kind == "="
        return tree.Attribute(name, is_equal, self._quoted())

    def _order(self) -> str:
        return self._take("asc", "des").kind

    def _integer(self) -> int:
        taken = self._take("integer")
        digits = taken.text.lstrip("0")
        if len(digits) > 10 or int(digits or "0") > LARGEST:
            at = place(self._text, taken.start)
            raise ExpressionError(f"{at} the number {taken.text[:20]} is larger than {LARGEST}")
        return int(digits or "0")


ATTRIBUTES = tuple(f"attr{n}" for n in range(6))
NAMED = {
    "name": "NAME_STRING",
    "integer": "INTEGER",
    "decimal": "DECIMAL",
    "text": "VALUE_STRING",
    "function": "a function",
}

CALLS: Mapping[str, Callable[[_Parser, str], Node]] = {
    **dict.fromkeys(AGGREGATES, _Parser._aggregate),
    **dict.fromkeys(("abs", "ceil", "floor"), _Parser._plain),
    "round": _Parser._round,
    "increase": _Parser._trend,
    "rate": _Parser._trend,
    "baseline": _Parser._baseline,
    "view_as_seq": _Parser._sequence,
    "is_present": _Parser._sequence,
    "top_n": _Parser._top_n,
    "top_n_of": _Parser._top_n_of,
    "relabels": _Parser._relabels,
    "aggregate_labels": _Parser._aggregate_labels,
    "sort_values": _Parser._sort_values,
    "sort_label_values": _Parser._sort_label_values,
}
