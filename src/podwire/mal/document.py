"""
YAML in which everything knows its place.

In: the text of a rule file.  Out: nodes, their entries and their texts as sources of their own, or
a `RuleError` at the place.  Nothing is constructed, so no alias can grow.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from podwire.mal.errors import RuleError, Source, Span

SIZE_LIMIT = 4_000_000
"""Characters of a file; the largest anybody ships has some 50,000."""

Node = yaml.Node


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text and how to read its nodes."""

    whole: Source

    def root(self) -> Node:
        """The outermost node."""
        if len(self.whole.text) > SIZE_LIMIT:
            raise RuleError(f"a rule file has at most {SIZE_LIMIT} characters", self.at())
        try:
            node = yaml.compose(self.whole.text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            problem = getattr(error, "problem", None) or _short(error)
            raise RuleError(f"not YAML: {problem}", self.at(_offset(error))) from error
        if node is None:
            raise RuleError("the file is empty", self.at())
        return node

    def at(self, offset: int = 0) -> Span:
        return Span(self.whole, offset, offset + 1)

    def span(self, node: Node) -> Span:
        return Span(self.whole, node.start_mark.index, node.end_mark.index)

    def entries(self, node: Node, known: Mapping[str, str]) -> dict[str, Node]:
        """A mapping's values by key; any key that is not known, or twice there, is an error."""
        if not isinstance(node, yaml.MappingNode):
            raise RuleError(f"expected the keys {', '.join(known)}", self.span(node))
        entries: dict[str, Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                hint = f"there are {', '.join(known)}"
                raise RuleError(f"unknown key {name[:60]!r}", self.span(key), hint)
            if name in entries:
                raise RuleError(f"{name} is here twice", self.span(key))
            entries[name] = value
        return entries

    def required(self, entries: Mapping[str, Node], key: str, inside: Node | None = None) -> Node:
        if key not in entries:
            place = self.span(inside) if inside else self.at()
            raise RuleError(f"{key} is missing", place)
        return entries[key]

    def items(self, node: Node, what: str) -> list[Node]:
        """What a list that is not empty holds."""
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise RuleError(f"expected a list of {what}", self.span(node))
        return list(node.value)

    def text(self, node: Node) -> Source:
        """A scalar's text, which knows where its lines stand in the file."""
        if not isinstance(node, yaml.ScalarNode) or not str(node.value).strip():
            raise RuleError("expected text", self.span(node))
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if node.style not in ("|", ">"):
            return Source(node.value, self.whole.file, line, (column + bool(node.style),))
        rows = self.whole.text.splitlines()[line:]
        texts = node.value.splitlines()
        columns = tuple(len(row) - len(text) + 1 for row, text in zip(rows, texts, strict=False))
        return Source(node.value, self.whole.file, line + 1, columns or (1,))

    def text_or_none(self, entries: Mapping[str, Node], key: str) -> Source | None:
        """As `text`; a key without a value is as good as none."""
        node = entries.get(key)
        if node is None or (isinstance(node, yaml.ScalarNode) and not str(node.value).strip()):
            return None
        return self.text(node)


def _offset(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return int(mark.index if mark else getattr(error, "position", 0))


def _short(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
