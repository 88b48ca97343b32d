"""
Judges a rule before it runs: whatever it finds wrong, no sample ever meets.

In: the whole tree of a rule.  Out: the shape of its metric, or a `RuleError` at the place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from podwire.mal.errors import RuleError, Span
from podwire.mal.functions import FUNCTIONS, Function, Parameter, Role
from podwire.mal.passes import DOWNSAMPLING
from podwire.mal.processes import INVOCATIONS
from podwire.mal.text import syntax
from podwire.model import metric


class Kind(StrEnum):
    """What one sample of the result becomes; the value ends the storage function's name."""

    SINGLE = ""
    LABELED = "Labeled"
    PERCENTILE = "HistogramPercentile"


@dataclass(frozen=True, slots=True)
class Scope:
    """The labels that say what a sample belongs to."""

    side: str
    service: tuple[str, ...]
    instance: tuple[str, ...]
    source: str
    target: str
    component: str

    @property
    def labels(self) -> tuple[str, ...]:
        """All of them, each once."""
        parts = (*self.service, *self.instance, self.side, self.source, self.target)
        return tuple(dict.fromkeys((*parts, self.component)))


@dataclass(frozen=True, slots=True)
class Shape:
    """What a rule's result is, known without any sample."""

    function: metric.Function
    kind: Kind
    ranks: tuple[int, ...]
    scope: Scope


def check(tree: syntax.Expression, written: Span) -> Shape:
    """The shape of a rule that can run; `written` is where its author would look for it."""
    check_expression(tree)
    return _shape(tree, written)


def check_expression(tree: syntax.Expression) -> None:
    """As `check`, for what need not be a rule: an expression on its own."""
    for call in calls(tree):
        _check_call(call)
    _check_arithmetic(tree)


def calls(tree: syntax.Expression, *, arguments: bool = True) -> Iterator[syntax.Call]:
    """Every call of a tree, inner ones first; optionally without those inside arguments."""
    match tree:
        case syntax.Call():
            yield from calls(tree.target, arguments=arguments)
            for argument in tree.arguments if arguments else ():
                if isinstance(argument, syntax.Expression):
                    yield from calls(argument)
            yield tree
        case syntax.Binary(_, left, right):
            yield from calls(left, arguments=arguments)
            yield from calls(right, arguments=arguments)
        case syntax.Negate(operand):
            yield from calls(operand, arguments=arguments)


def metrics(tree: syntax.Expression) -> Iterator[str]:
    """The names of the families a tree reads."""
    match tree:
        case syntax.Metric(name) if name not in DOWNSAMPLING:
            yield name
        case syntax.Call(target, _, arguments):
            for each in (target, *arguments):
                if isinstance(each, syntax.Expression):
                    yield from metrics(each)
        case syntax.Binary(_, left, right):
            yield from metrics(left)
            yield from metrics(right)
        case syntax.Negate(operand):
            yield from metrics(operand)


# Calls and their arguments.


def _check_call(call: syntax.Call) -> None:
    function = FUNCTIONS.get(call.title)
    if function is None:
        near = get_close_matches(call.title, FUNCTIONS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FUNCTIONS)}"
        raise RuleError(f"unknown function {call.title!r}", call.span, hint)
    if isinstance(call.target, syntax.Number):
        raise RuleError("a number has no functions", call.span)
    _check_count(call, function)
    for parameter, argument in zip(function.parameters, call.arguments, strict=False):
        if not _fits(parameter, argument):
            raise RuleError(f"{call.title}() wants {parameter} here", argument.span)
        _check_argument(call, argument)


def _check_count(call: syntax.Call, function: Function) -> None:
    most = len(function.parameters)
    least = most - function.optional
    if not least <= len(call.arguments) <= most:
        wanted = str(most) if least == most else f"{least} to {most}"
        message = f"{call.title}() takes {wanted} arguments, not {len(call.arguments)}"
        raise RuleError(message, call.span)


def _fits(parameter: Parameter, argument: syntax.Argument) -> bool:
    match parameter:
        case Parameter.TEXT:
            return isinstance(argument, syntax.Text)
        case Parameter.TEXTS:
            return isinstance(argument, syntax.Texts)
        case Parameter.NUMBERS:
            return isinstance(argument, syntax.Numbers)
        case Parameter.DOWNSAMPLING:
            return _downsampling_or_none(argument) in DOWNSAMPLING
        case Parameter.CLOSURE:
            return isinstance(argument, syntax.Closure) and len(argument.parameters) in (0, 2)
        case Parameter.FAMILY:
            return isinstance(argument, syntax.Expression) and any(metrics(argument))


def _check_argument(call: syntax.Call, argument: syntax.Argument) -> None:
    match argument:
        case syntax.Texts(items) if FUNCTIONS[call.title].role is Role.AGGREGATION:
            if len(set(items)) < len(items):
                raise RuleError("a label is named twice", argument.span)
        case syntax.Numbers(ranks) if not all(0 <= rank <= 100 for rank in ranks):
            raise RuleError("a percentile is between 0 and 100", argument.span)
        case syntax.Closure(parameters, body):
            names = parameters or ("element", "tags")
            _check_statements(body, frozenset(names), names[-1])
        case syntax.Negate() | syntax.Binary() | syntax.Call():
            _check_arithmetic(argument)


def _downsampling_or_none(argument: syntax.Argument) -> str | None:
    match argument:
        case syntax.Metric(name) | syntax.Enum("DownsamplingType", name):
            return name
        case _:
            return None


def _check_arithmetic(tree: syntax.Expression) -> None:
    """Weighted families only scale: a weighted sum of anything else is not an average of it."""
    match tree:
        case syntax.Call(target):
            _check_arithmetic(target)
        case syntax.Negate(operand):
            _check_arithmetic(operand)
        case syntax.Binary(op, left, right):
            if _weighted(tree) and not _scales(op, left, right):
                raise RuleError("a weighted metric can only be scaled by a number", tree.span)
            _check_arithmetic(left)
            _check_arithmetic(right)


def _scales(op: str, left: syntax.Expression, right: syntax.Expression) -> bool:
    by_number = isinstance(right, syntax.Number)
    return (op in "*/" and by_number) or (op == "*" and isinstance(left, syntax.Number))


def _weighted(tree: syntax.Expression) -> bool:
    return any(FUNCTIONS[call.title].role is Role.WEIGHT for call in calls(tree))


# Closures.


def _check_statements(
    body: tuple[syntax.Statement, ...], known: frozenset[str], tags: str
) -> frozenset[str]:
    for statement in body:
        match statement:
            case syntax.If(condition, then, otherwise):
                _check_value(condition, known, tags)
                _check_statements(then, known, tags)
                _check_statements(otherwise, known, tags)
            case syntax.Declare(_, name, value):
                _check_value(value, known, tags)
                known |= {name}
            case syntax.Assign(target, value):
                _check_value(target, known, tags)
                _check_value(value, known, tags)
            case syntax.Return(None):
                pass
            case syntax.Return(value):
                raise RuleError("forEach() returns nothing", statement.span)
            case syntax.Discard(value):
                _check_value(value, known, tags)
    return known


def _check_value(value: syntax.Value, known: frozenset[str], tags: str) -> None:
    match value:
        case syntax.Name(name) if name not in known:
            raise RuleError(f"unknown name {name!r}", value.span)
        case syntax.Member(target) | syntax.Index(target):
            if target != syntax.Name(tags):
                raise RuleError(f"only {tags} has members", value.span)
        case syntax.Invoke(owner, name, arguments):
            _check_invocation(value, f"{owner}.{name}", len(arguments))
        case syntax.Text(text) if "${" in text:
            raise RuleError("interpolation is not supported yet", value.span, "use + instead")
    for part in _parts(value):
        _check_value(part, known, tags)


def _check_invocation(call: syntax.Invoke, title: str, given: int) -> None:
    if (call.owner, call.name) not in INVOCATIONS:
        there = ", ".join(f"{owner}.{name}" for owner, name in INVOCATIONS)
        raise RuleError(f"unknown function {title!r}", call.span, f"there are {there}")
    wanted = INVOCATIONS[call.owner, call.name][0]
    if given != wanted:
        raise RuleError(f"{title}() takes {wanted} arguments, not {given}", call.span)


def _parts(value: syntax.Value) -> tuple[syntax.Value, ...]:
    match value:
        case syntax.Infix(_, left, right):
            return left, right
        case syntax.Not(operand):
            return (operand,)
        case syntax.Index(_, key):
            return (key,)
        case syntax.Invoke(_, _, arguments):
            return arguments
        case _:
            return ()


# The shape of the result.


def _shape(tree: syntax.Expression, written: Span) -> Shape:
    said = {FUNCTIONS[call.title].role: call for call in calls(tree, arguments=False)}
    if Role.SCOPE not in said:
        hint = "an expSuffix like processRelation(...) says it"
        raise RuleError("nothing says what this is a metric of", written, hint)
    scope = _scope(said[Role.SCOPE])
    kind = _kind(tree, said, scope, written)
    ranks = _ranks(said[Role.RANKS]) if kind is Kind.PERCENTILE else ()
    return Shape(_function(said, kind, written), kind, ranks, scope)


def _scope(call: syntax.Call) -> Scope:
    match call.arguments:
        case (
            syntax.Text(side),
            syntax.Texts(service),
            syntax.Texts(instance),
            syntax.Text(source),
            syntax.Text(target),
            syntax.Text(component),
        ):
            return Scope(side, service, instance, source, target, component)
        case _:
            raise RuleError("not a scope", call.span)


def _kind(
    tree: syntax.Expression, said: dict[Role, syntax.Call], scope: Scope, written: Span
) -> Kind:
    if Role.HISTOGRAM in said:
        if Role.RANKS not in said:
            raise RuleError(
                "histogram() without histogram_percentile() is not supported yet", written
            )
        return Kind.PERCENTILE
    remaining = {
        label
        for call in calls(tree, arguments=False)
        if FUNCTIONS[call.title].role is Role.AGGREGATION
        and isinstance(call.arguments[0], syntax.Texts)
        for label in call.arguments[0].items
    }
    return Kind.LABELED if remaining.difference(scope.labels) else Kind.SINGLE


def _ranks(call: syntax.Call) -> tuple[int, ...]:
    argument = call.arguments[0]
    return tuple(map(int, argument.items)) if isinstance(argument, syntax.Numbers) else ()


EMITTED = frozenset(
    {
        metric.Function.AVG,
        metric.Function.SUM,
        metric.Function.SUM_PER_MIN,
        metric.Function.SUM_PER_MIN_LABELED,
        metric.Function.SUM_HISTOGRAM_PERCENTILE,
    }
)


def _function(said: dict[Role, syntax.Call], kind: Kind, written: Span) -> metric.Function:
    call = said.get(Role.DOWNSAMPLING)
    word = (call and _downsampling_or_none(call.arguments[0])) or "AVG"
    plain = DOWNSAMPLING[word]
    title = f"{plain or word.lower()}{kind}"
    if title not in EMITTED:
        span = call.span if call else written
        raise RuleError(f"the metric function {title} is not supported yet", span)
    return metric.Function(title)
