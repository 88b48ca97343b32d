"""
What a rule's result is, known without any sample: its function, its ranks, its scope.

In: the tree of a rule that `check` let pass.  Out: its `Shape`, or a `RuleError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from podwire.mal.check import calls, downsampling_or_none
from podwire.mal.errors import RuleError, Span
from podwire.mal.functions import FUNCTIONS, Role
from podwire.mal.passes import DOWNSAMPLING
from podwire.mal.step.relabel import closure_of
from podwire.mal.step.scope import scope_of
from podwire.mal.subject import ScopeCall
from podwire.mal.text import syntax
from podwire.model import metric

Said = Mapping[Role, syntax.Call]


class Kind(StrEnum):
    """What one sample of the result becomes; the value ends the storage function's name."""

    SINGLE = ""
    LABELED = "Labeled"
    HISTOGRAM = "Histogram"
    PERCENTILE = "HistogramPercentile"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a rule's result is, known without any sample."""

    function: metric.Function
    kind: Kind
    ranks: tuple[int, ...]
    scope: ScopeCall
    decorations: tuple[syntax.Closure, ...] = ()


def shape_of(tree: syntax.Expression, written: Span) -> Shape:
    """The shape of a rule that can run; `written` is where its author would look for it."""
    said = {FUNCTIONS[call.title].role: call for call in calls(tree, arguments=False)}
    if Role.SCOPE not in said:
        hint = "an expSuffix like service(['service'], Layer.GENERAL) says it"
        raise RuleError("nothing says what this is a metric of", written, hint)
    scope = scope_of(said[Role.SCOPE])
    kind = _kind(tree, said)
    if Role.DECORATION in said:
        _check_decoration(said, scope, kind)
    ranks = _ranks(said[Role.RANKS]) if kind is Kind.PERCENTILE else ()
    return Shape(_function(said, kind, written), kind, ranks, scope, _decorations(tree))


def _decorations(tree: syntax.Expression) -> tuple[syntax.Closure, ...]:
    return tuple(
        closure_of(call, 0)
        for call in calls(tree, arguments=False)
        if FUNCTIONS[call.title].role is Role.DECORATION
    )


def _kind(tree: syntax.Expression, said: Said) -> Kind:
    if Role.HISTOGRAM in said:
        return Kind.PERCENTILE if Role.RANKS in said else Kind.HISTOGRAM
    chain = list(calls(tree, arguments=False))
    remaining = {
        label
        for call in chain
        if FUNCTIONS[call.title].role is Role.AGGREGATION
        and isinstance(call.arguments[0], syntax.Texts)
        for label in call.arguments[0].items
    }
    scoped = {
        label
        for call in chain
        if FUNCTIONS[call.title].role is Role.SCOPE
        for label in scope_of(call).labels
    }
    return Kind.LABELED if remaining - scoped else Kind.SINGLE


def _check_decoration(said: Said, scope: ScopeCall, kind: Kind) -> None:
    span = said[Role.DECORATION].span
    if scope.scope is not metric.Scope.SERVICE:
        raise RuleError("only services can be decorated", span)
    if kind in (Kind.HISTOGRAM, Kind.PERCENTILE):
        raise RuleError("a histogram cannot be decorated", span)


def _ranks(call: syntax.Call) -> tuple[int, ...]:
    argument = call.arguments[0]
    return tuple(map(int, argument.items)) if isinstance(argument, syntax.Numbers) else ()


def _function(said: Said, kind: Kind, written: Span) -> metric.Function:
    call = said.get(Role.DOWNSAMPLING)
    word = (call and downsampling_or_none(call.arguments[0])) or "AVG"
    title = f"{DOWNSAMPLING[word]}{kind}"
    try:
        return metric.Function(title)
    except ValueError:
        hint = "a histogram merges by AVG or SUM"
        span = call.span if call else written
        raise RuleError(f"there is no metric function {title}", span, hint) from None
