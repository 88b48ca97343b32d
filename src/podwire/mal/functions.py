"""
The functions of the language, as one table: what each takes and how it is planned.

In: a checked call.  Out: a transform, which turns the family before the dot into the one after.
Adding a function is adding a row; an extension's row is called `namespace::name`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from podwire.mal import family
from podwire.mal.closure.check import Use
from podwire.mal.family import Family
from podwire.mal.step import choose, counter, relabel, scope
from podwire.mal.step.aggregate import plan_avg, plan_count, plan_extreme, plan_sum
from podwire.mal.step.arithmetic import plan_negative, plan_safe_div
from podwire.mal.step.world import Batch, Plan, Step, Transform, World, plan_nothing
from podwire.mal.text import syntax
from podwire.mal.weight import weights_of


class Parameter(StrEnum):
    """What an argument must be."""

    TEXT = "a text"
    TEXT_OR_NULL = "a text or null"
    TEXTS = "a list of texts"
    NUMBERS = "a list of numbers"
    NUMBER = "a number"
    DURATION = "a duration like 'PT1M'"
    DOWNSAMPLING = "AVG, SUM, LATEST, SUM_PER_MIN, MAX or MIN"
    LAYER = "a layer like Layer.GENERAL"
    DETECT_POINT = "DetectPoint.CLIENT, DetectPoint.SERVER or DetectPoint.PROXY"
    RETAG = "K8sRetagType.Pod2Service"
    TIME_UNIT = "a unit like TimeUnit.SECONDS, milliseconds or coarser"
    CLOSURE = "a closure"
    CLOSURE_OR_NULL = "a closure or null"
    FAMILY = "a metric"
    FAMILY_OR_NUMBER = "a metric or a number"


class Role(StrEnum):
    """What a call says about the rule as a whole."""

    NONE = ""
    AGGREGATION = "its first list names the labels that remain"
    DOWNSAMPLING = "how a minute's values merge"
    HISTOGRAM = "buckets"
    RANKS = "percentiles"
    SCOPE = "what the metric is a metric of"
    DECORATION = "attributes of services"
    WEIGHT = "values are sums, to be divided by their weights"


Form = tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A row of the table: every form its arguments can have, and its plan."""

    forms: tuple[Form, ...]
    plan: Plan = plan_nothing
    role: Role = Role.NONE
    operator: str = ""
    """The binary operator that a method is another spelling of."""

    use: Use | None = None
    """What its closure is for."""

    pairs: bool = False
    """Whether its only form can be repeated."""


def plan_weight(call: syntax.Call, world: World, steps: tuple[Step, ...]) -> Transform:
    """Values become value times weight, and their weights travel with them into sum and avg."""
    del call

    def weigh(before: Family, batch: Batch) -> Family | None:
        return family.weigh(before, weights_of(world.table, before, steps[0](batch)))

    return weigh


P = Parameter
EITHER = ((P.FAMILY_OR_NUMBER,),)
TAGS = ((P.TEXT, P.TEXT_OR_NULL),)
PATTERNS = ((P.TEXT, P.TEXT),)
BY = ((P.TEXTS,),)
RELATION = (P.DETECT_POINT, P.TEXTS, P.TEXTS, P.LAYER)
INSTANCES = (P.DETECT_POINT, P.TEXTS, P.TEXTS, P.TEXTS, P.TEXTS, P.LAYER)
TAIL = (P.TEXT_OR_NULL, P.LAYER, P.TEXT)

FUNCTIONS: Mapping[str, Function] = {
    "avg": Function(BY, plan_avg, Role.AGGREGATION),
    "count": Function(BY, plan_count, Role.AGGREGATION),
    "debugDump": Function(((),)),
    "decorate": Function(((P.CLOSURE,),), scope.plan_decorate, Role.DECORATION, use=Use.DECORATE),
    "div": Function(EITHER, operator="/"),
    "downsampling": Function(((P.DOWNSAMPLING,),), role=Role.DOWNSAMPLING),
    "endpoint": Function(
        ((P.TEXTS, P.TEXTS, P.LAYER), (P.TEXTS, P.TEXTS, P.TEXT_OR_NULL, P.LAYER)),
        scope.plan_scope,
        Role.SCOPE,
    ),
    "forEach": Function(((P.TEXTS, P.CLOSURE),), relabel.plan_for_each, use=Use.FOR_EACH),
    "histogram": Function(
        ((), (P.TEXT,), (P.TEXT, P.TIME_UNIT)), relabel.plan_histogram, Role.HISTOGRAM
    ),
    "histogram_percentile": Function(((P.NUMBERS,),), role=Role.RANKS),
    "increase": Function(((P.DURATION,),), counter.plan_increase),
    "instance": Function(
        (
            (P.TEXTS, P.TEXTS, P.LAYER),
            (P.TEXTS, P.TEXT_OR_NULL, P.TEXTS, P.TEXT_OR_NULL, P.LAYER, P.CLOSURE_OR_NULL),
        ),
        scope.plan_scope,
        Role.SCOPE,
        use=Use.PROPERTIES,
    ),
    "irate": Function(((),), counter.plan_irate),
    "max": Function(BY, plan_extreme("max"), Role.AGGREGATION),
    "min": Function(BY, plan_extreme("min"), Role.AGGREGATION),
    "minus": Function(EITHER, operator="-"),
    "multiply": Function(EITHER, operator="*"),
    "negative": Function(((),), plan_negative),
    "plus": Function(EITHER, operator="+"),
    "podwire::weight": Function(((P.FAMILY,),), plan_weight, Role.WEIGHT),
    "process": Function(((P.TEXTS, P.TEXTS, P.TEXTS, P.TEXT),), scope.plan_scope, Role.SCOPE),
    "processRelation": Function(
        ((P.TEXT, P.TEXTS, P.TEXTS, P.TEXT, P.TEXT, P.TEXT),), scope.plan_scope, Role.SCOPE
    ),
    "rate": Function(((P.DURATION,),), counter.plan_rate),
    "retagByK8sMeta": Function(((P.TEXT, P.RETAG, P.TEXT, P.TEXT),), relabel.plan_retag),
    "safeDiv": Function(EITHER, plan_safe_div),
    "service": Function(
        ((P.TEXTS, P.LAYER), (P.TEXTS, P.TEXT_OR_NULL, P.LAYER)), scope.plan_scope, Role.SCOPE
    ),
    "serviceInstanceRelation": Function(
        (INSTANCES, (*INSTANCES[:-1], *TAIL)), scope.plan_scope, Role.SCOPE
    ),
    "serviceRelation": Function((RELATION, (*RELATION[:-1], *TAIL)), scope.plan_scope, Role.SCOPE),
    "sum": Function(BY, plan_sum, Role.AGGREGATION),
    "tag": Function(((P.CLOSURE,),), relabel.plan_tag, use=Use.TAG),
    "tagEqual": Function(TAGS, choose.plan_labels("tagEqual"), pairs=True),
    "tagMatch": Function(PATTERNS, choose.plan_labels("tagMatch"), pairs=True),
    "tagNotEqual": Function(TAGS, choose.plan_labels("tagNotEqual"), pairs=True),
    "tagNotMatch": Function(PATTERNS, choose.plan_labels("tagNotMatch"), pairs=True),
    **{name: Function(((P.NUMBER,),), choose.plan_values(name)) for name in choose.COMPARISONS},
}
