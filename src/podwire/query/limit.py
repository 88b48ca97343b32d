"""
How much a question may ask.

In: the text of a question.  Out: its document, or `TooMuch` in words, before anything is looked at
that could take long.
"""

from collections import Counter

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    parse,
)

MAX_DEPTH = 20
MAX_FIELDS = 3000
"""Of one operation, through its fragments: OAP's complexity."""

MAX_SAME = 50
"""How often one name may be asked beside itself: each is compared with each."""

MAX_FRAGMENTS = 100
MAX_TOKENS = 50_000


class TooMuch(ValueError):
    """The question is too deep, too wide or too long; whoever asked must split it."""


def read(text: str) -> DocumentNode:
    """The document of a question. Raises `TooMuch`, and `GraphQLSyntaxError` with its place."""
    try:
        document = parse(text, max_tokens=MAX_TOKENS)
    except RecursionError as error:
        raise TooMuch(f"the query is deeper than {MAX_DEPTH} levels") from error
    except GraphQLSyntaxError as error:
        if "tokens" in error.message:
            raise TooMuch(f"the query has more than {MAX_TOKENS} words and signs") from error
        raise
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    if len(fragments) > MAX_FRAGMENTS:
        raise TooMuch(f"the query has more than {MAX_FRAGMENTS} fragments")
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode):
            _Measure(fragments).enter(each.selection_set, 1)
    for fragment in fragments.values():
        _Measure(fragments).enter(fragment.selection_set, 1)
    return document


class _Measure:
    """Counts levels and selections; a fragment counts wherever it is put."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._seen = 0

    def enter(self, selections: SelectionSetNode | None, depth: int) -> None:
        if selections is None:
            return
        if depth > MAX_DEPTH:
            raise TooMuch(f"the query is deeper than {MAX_DEPTH} levels")
        names = Counter(_name(each) for each in selections.selections)
        for name, times in names.most_common(1):
            if times > MAX_SAME:
                raise TooMuch(f"the query asks {name!r} more than {MAX_SAME} times in one place")
        for each in selections.selections:
            self._count(each, depth)

    def _count(self, node: SelectionNode, depth: int) -> None:
        self._seen += 1
        if self._seen > MAX_FIELDS:
            raise TooMuch(f"the query asks for more than {MAX_FIELDS} fields")
        if isinstance(node, FragmentSpreadNode):
            fragment = self._fragments.get(node.name.value)
            self.enter(fragment.selection_set if fragment else None, depth + 1)
        else:
            self.enter(getattr(node, "selection_set", None), depth + 1)


def _name(node: SelectionNode) -> str:
    """What a selection is called in the answer; the other kinds by what they are."""
    if isinstance(node, FieldNode):
        return (node.alias or node.name).value
    if isinstance(node, FragmentSpreadNode):
        return f"...{node.name.value}"
    return "..."
