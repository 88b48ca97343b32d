"""
Rule files: read, checked and refused as a whole.

In: a YAML file.  Out: `RuleFile`, whose every rule can run, or a `RuleError` at the place.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from podwire.mal.check import check
from podwire.mal.closure.check import Use, check_closure
from podwire.mal.document import Document, Node
from podwire.mal.errors import RuleError, Source, Span
from podwire.mal.layers import KNOWN, NAME, ORDINAL_MIN, Layer
from podwire.mal.passes import Around, assemble
from podwire.mal.shape import Shape, shape_of
from podwire.mal.text import syntax
from podwire.mal.text.cursor import DEPTH_LIMIT
from podwire.mal.text.lexer import strays
from podwire.mal.text.parser import parse, parse_chain, parse_closure
from podwire.model.metric import Metric


@dataclass(frozen=True, slots=True)
class Rule:
    """A metric and the expression that computes it."""

    metric: Metric
    tree: syntax.Expression
    shape: Shape
    kept: syntax.Closure | None = None
    """The file's filter: which samples the expression sees."""

    written: Span = field(kw_only=True, compare=False, repr=False)
    """Its expression in the file, without what the file puts around it."""


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What one file defines."""

    name: str
    rules: tuple[Rule, ...]
    layers: tuple[Layer, ...] = ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric, each once."""
        return tuple(dict.fromkeys(rule.metric for rule in self.rules))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A rule of a file that may have mistakes."""

    name: str
    """Of the metric, prefix included."""

    result: Rule | RuleError


KEYS = {
    "metricPrefix": "begins the name of every metric",
    "metricsRules": "the rules",
    "expPrefix": "follows every metric of an expression",
    "expSuffix": "follows every expression",
    "filter": "a closure: which samples the rules see",
    "layerDefinitions": "layers beside those that everybody knows",
    "name": "what the file is called; its path says so already",
}
RULE_KEYS = {"name": "of the metric, after the prefix", "exp": "the expression"}
LAYER_KEYS = {"name": "in capitals", "ordinal": "its number", "normal": "whether it is reported"}

NAME_LIMIT = 200
"""Characters of a metric's name."""


def load(path: Path) -> RuleFile:
    """The rules of a file; RuleError for anything in it that cannot run."""
    return read(text_of(path), str(path))


def text_of(path: Path) -> str:
    """What a file holds. Raises `RuleError`."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", error)
        place = Span(Source("", str(path)), 0, 1)
        raise RuleError(f"cannot be read: {reason}", place) from error


def read(text: str, file: str = "<text>") -> RuleFile:
    """As `load`, of text that is already here."""
    layers, attempts = draft(text, file)
    rules = []
    for attempt in attempts:
        if isinstance(attempt.result, RuleError):
            raise attempt.result
        rules.append(attempt.result)
    return RuleFile(Path(file).stem, tuple(rules), layers)


def mistakes(text: str, file: str = "<text>") -> list[RuleError]:
    """Everything that is wrong in a file, each mistake once, in the order of its rules."""
    try:
        _, attempts = draft(text, file)
    except RuleError as error:
        return [error]
    found = [each.result for each in attempts if isinstance(each.result, RuleError)]
    return list({str(error): error for error in found}.values())


def warnings(text: str, file: str = "<text>") -> list[RuleError]:
    """What a file's author should look at although the rules run."""
    try:
        document = Document(Source(text, file))
        entries = document.entries(document.root(), KEYS)
        nodes = document.items(document.required(entries, "metricsRules"), "rules")
        rules = [document.entries(node, RULE_KEYS) for node in nodes]
        sources = [document.text(rule["exp"]) for rule in rules if "exp" in rule]
        texts = (
            document.text_or_none(entries, key) for key in ("expPrefix", "expSuffix", "filter")
        )
        found = [stray for source in (*texts, *sources) if source for stray in strays(source)]
    except RuleError:
        return []
    return [RuleError(f"warning: {each} is ignored", each.span) for each in found]


def paths_of(files: Iterable[Path]) -> Iterator[Path]:
    """Files, and the rule files in folders."""
    for path in files:
        yield from sorted(path.rglob("*.y*ml")) if path.is_dir() else (path,)


def draft(text: str, file: str = "<text>") -> tuple[tuple[Layer, ...], list[Attempt]]:
    """A file's layers and its rules, right or wrong. Raises `RuleError` for what is neither."""
    document = Document(Source(text, file))
    entries = document.entries(document.root(), KEYS)
    prefix = document.text(document.required(entries, "metricPrefix")).text
    layers = tuple(_layers(document, entries))
    nodes = document.items(document.required(entries, "metricsRules"), "rules")
    surrounding = _surrounding(document, entries)
    shapes: dict[str, Metric] = {}
    attempts = []
    for node in nodes:
        rule = document.entries(node, RULE_KEYS)
        name = _name(document, document.required(rule, "name", node), prefix)
        source = document.text(document.required(rule, "exp", node))
        attempts.append(_attempt(name, source, surrounding, shapes))
    return layers, attempts


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What a file says about all of its expressions."""

    around: Around
    kept: syntax.Closure | None


def _surrounding(document: Document, entries: Mapping[str, Node]) -> Surrounding | RuleError:
    """Whatever is wrong in it is wrong in every rule."""
    try:
        prefix, suffix = (_chain(document, entries, key) for key in ("expPrefix", "expSuffix"))
        return Surrounding(Around(prefix, suffix), _filter(document, entries))
    except RuleError as error:
        return error


def _attempt(
    name: str, source: Source, surrounding: Surrounding | RuleError, shapes: dict[str, Metric]
) -> Attempt:
    if isinstance(surrounding, RuleError):
        return Attempt(name, surrounding)
    try:
        found = _rule(name, source, surrounding)
        agree(found, shapes)
        return Attempt(name, found)
    except RuleError as error:
        return Attempt(name, error)


def agree(rule: Rule, shapes: dict[str, Metric]) -> None:
    """Rules may share a metric if they agree on what it is."""
    first = shapes.setdefault(rule.metric.name, rule.metric)
    if first != rule.metric:
        message = f"{rule.metric.name} is defined again as another kind of metric"
        was = f"it is {first.function} of {first.scope}, here {rule.metric.function}"
        raise RuleError(message, rule.written, f"{was} of {rule.metric.scope}")


def distinct(rules: list[Rule]) -> tuple[Rule, ...]:
    """The rules of several files, if those that share a metric agree on what it is."""
    shapes: dict[str, Metric] = {}
    for rule in rules:
        agree(rule, shapes)
    return tuple(rules)


def _rule(name: str, source: Source, surrounding: Surrounding) -> Rule:
    written = Span(source, 0, len(source.text))
    tree = assemble(parse(source), surrounding.around)
    if syntax.depth(tree) > DEPTH_LIMIT:
        raise RuleError("nested too deeply, with what the file puts around it", written)
    check(tree)
    shape = shape_of(tree, written)
    metric = Metric(name, shape.function, shape.ranks, shape.scope.scope)
    return Rule(metric, tree, shape, surrounding.kept, written=written)


def _chain(document: Document, entries: Mapping[str, Node], key: str) -> syntax.Call | None:
    source = document.text_or_none(entries, key)
    return None if source is None else parse_chain(source)


def _filter(document: Document, entries: Mapping[str, Node]) -> syntax.Closure | None:
    source = document.text_or_none(entries, "filter")
    if source is None:
        return None
    closure = parse_closure(source)
    check_closure(closure, Use.FILTER)
    return closure


def _name(document: Document, node: Node, prefix: str) -> str:
    source = document.text(node)
    name = f"{prefix}_{source.text}"
    if len(name) > NAME_LIMIT or len(name.split()) != 1:
        message = f"a metric's name is one word of at most {NAME_LIMIT} characters"
        raise RuleError(message, document.span(node))
    return name


def _layers(document: Document, entries: Mapping[str, Node]) -> Iterator[Layer]:
    node = entries.get("layerDefinitions")
    seen: set[str] = set(KNOWN)
    for each in document.items(node, "layers") if node is not None else ():
        layer = _layer(document, each)
        if layer.name in seen:
            raise RuleError(f"{layer.name} is defined already", document.span(each))
        seen.add(layer.name)
        yield layer


def _layer(document: Document, node: Node) -> Layer:
    entries = document.entries(node, LAYER_KEYS)
    texts = {key: document.text(value) for key, value in entries.items()}
    name = document.required(entries, "name", node)
    if not NAME.fullmatch(texts["name"].text):
        raise RuleError("a layer's name is capitals, digits and _", document.span(name))
    ordinal = document.required(entries, "ordinal", node)
    if not texts["ordinal"].text.isdecimal() or int(texts["ordinal"].text[:9]) < ORDINAL_MIN:
        raise RuleError(f"a layer's ordinal is at least {ORDINAL_MIN}", document.span(ordinal))
    normal = texts["normal"].text if "normal" in texts else "true"
    if normal not in ("true", "false"):
        raise RuleError("normal is true or false", document.span(entries["normal"]))
    return Layer(texts["name"].text, int(texts["ordinal"].text[:9]), normal == "true")
