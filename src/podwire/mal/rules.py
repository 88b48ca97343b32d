"""
Rule files: read, checked and refused as a whole.

In: a YAML file.  Out: `RuleFile`, whose every rule can run, or a `RuleError` at the place.
"""

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from podwire.mal.check import Shape, check
from podwire.mal.errors import RuleError, Source, Span
from podwire.mal.passes import Around, assemble
from podwire.mal.text import syntax
from podwire.mal.text.parser import parse, parse_chain
from podwire.model.metric import Metric


@dataclass(frozen=True, slots=True)
class Rule:
    """A metric and the expression that computes it."""

    metric: Metric
    tree: syntax.Expression
    shape: Shape
    written: Span = field(compare=False, repr=False)
    """Its expression in the file, without what the file puts around it."""


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What one file defines."""

    name: str
    rules: tuple[Rule, ...]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(rule.metric for rule in self.rules)


KEYS = {
    "metricPrefix": "begins the name of every metric",
    "metricsRules": "the rules",
    "expPrefix": "follows every metric of an expression",
    "expSuffix": "follows every expression",
}
LATER = frozenset({"filter", "layerDefinitions"})
RULE_KEYS = {"name": "of the metric, after the prefix", "exp": "the expression"}


def load(path: Path) -> RuleFile:
    """The rules of a file; RuleError for anything in it that cannot run."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"cannot be read: {error}", _at(Source("", str(path)))) from error
    return read(text, str(path))


def read(text: str, file: str = "<text>") -> RuleFile:
    """As `load`, of text that is already here."""
    whole = Source(text, file)
    entries = _entries(_compose(whole), whole, KEYS)
    prefix = _text(_required(entries, "metricPrefix", whole), whole)
    around = Around(_optional(entries, "expPrefix", whole), _optional(entries, "expSuffix", whole))
    rules = [
        _rule(node, whole, prefix.text, around)
        for node in _sequence(_required(entries, "metricsRules", whole), whole)
    ]
    return RuleFile(Path(file).stem, distinct(rules))


def distinct(rules: list[Rule]) -> tuple[Rule, ...]:
    """The rules, if those that share a metric agree on what it is."""
    shapes: dict[str, Rule] = {}
    for rule in rules:
        first = shapes.setdefault(rule.metric.name, rule)
        if (first.metric, first.shape) != (rule.metric, rule.shape):
            message = f"{rule.metric.name} is defined again as another kind of metric"
            raise RuleError(message, rule.written)
    return tuple(rules)


def _rule(
    node: yaml.Node,
    whole: Source,
    prefix: str,
    around: Around,
) -> Rule:
    entries = _entries(node, whole, RULE_KEYS)
    name = _text(_required(entries, "name", whole, node), whole)
    source = _text(_required(entries, "exp", whole, node), whole)
    written = Span(source, 0, len(source.text))
    tree = assemble(parse(source), around)
    shape = check(tree, written)
    metric = Metric(f"{prefix}_{name.text}", shape.function, shape.ranks)
    return Rule(metric, tree, shape, written)


# YAML, with the place of everything.


def _compose(whole: Source) -> yaml.Node:
    try:
        node = yaml.compose(whole.text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = _at(whole, mark.index if mark else 0)
        raise RuleError(f"not YAML: {getattr(error, 'problem', error)}", place) from error
    if node is None:
        raise RuleError("the file is empty", _at(whole))
    return node


def _at(source: Source, offset: int = 0) -> Span:
    return Span(source, offset, offset + 1)


def _span(node: yaml.Node, whole: Source) -> Span:
    return Span(whole, node.start_mark.index, node.end_mark.index)


def _entries(node: yaml.Node, whole: Source, known: dict[str, str]) -> dict[str, yaml.Node]:
    """A mapping's values by key; any key that is not known, or twice there, is an error."""
    if not isinstance(node, yaml.MappingNode):
        raise RuleError(f"expected the keys {', '.join(known)}", _span(node, whole))
    entries: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in LATER and known is KEYS:
            raise RuleError(f"{name} is not supported yet", _span(key, whole))
        if name not in known:
            hint = f"there are {', '.join(known)}"
            raise RuleError(f"unknown key {name!r}", _span(key, whole), hint)
        if name in entries:
            raise RuleError(f"{name} is here twice", _span(key, whole))
        entries[name] = value
    return entries


def _required(
    entries: dict[str, yaml.Node], key: str, whole: Source, inside: yaml.Node | None = None
) -> yaml.Node:
    if key not in entries:
        raise RuleError(f"{key} is missing", _span(inside, whole) if inside else _at(whole))
    return entries[key]


def _sequence(node: yaml.Node, whole: Source) -> list[yaml.Node]:
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise RuleError("expected a list of rules", _span(node, whole))
    return list(node.value)


def _optional(entries: dict[str, yaml.Node], key: str, whole: Source) -> syntax.Call | None:
    node = entries.get(key)
    if node is None or not str(node.value).strip():
        return None
    return parse_chain(_text(node, whole))


def _text(node: yaml.Node, whole: Source) -> Source:
    """A scalar's text, which knows where its lines stand in the file."""
    if not isinstance(node, yaml.ScalarNode) or not str(node.value).strip():
        raise RuleError("expected text", _span(node, whole))
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if node.style not in ("|", ">"):
        return Source(node.value, whole.file, line, (column + bool(node.style),))
    rows = whole.text.splitlines()[line:]
    texts = node.value.splitlines()
    columns = tuple(len(row) - len(text) + 1 for row, text in zip(rows, texts, strict=False))
    return Source(node.value, whole.file, line + 1, columns or (1,))
