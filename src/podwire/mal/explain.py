"""
A rule's plan in words, for whoever wrote it.

In: a rule.  Out: lines, inner steps first.  The sentences are a table; a test asks one for each
function.
"""

from collections.abc import Iterator, Mapping

from podwire.mal.passes import is_scalar
from podwire.mal.rules import Rule
from podwire.mal.text import syntax
from podwire.mal.text.printer import show
from podwire.model.metric import AVERAGES, MERGES, Merge

SENTENCES: Mapping[str, str] = {
    "avg": "average the samples that have equal {0}; no other label remains",
    "count": "count the different values of the last of {0}, by the others",
    "debugDump": "leave everything as it is",
    "decorate": "give the service attributes: {0}",
    "div": "divide by {0}",
    "downsampling": "values of one minute merge by {0}",
    "endpoint": "the metric is of an endpoint: {*}",
    "forEach": "for each of {0} rewrite the labels: {1}",
    "histogram": "bucket bounds become whole milliseconds in the label le ({*})",
    "histogram_percentile": "store buckets, answer the percentiles {0}",
    "increase": "how much each counter grew in the last {0}",
    "instance": "the metric is of an instance: {*}",
    "irate": "how much each counter grew a second since its sample before",
    "max": "take the greatest of the samples that have equal {0}; no other label remains",
    "min": "take the least of the samples that have equal {0}; no other label remains",
    "minus": "subtract {0}",
    "multiply": "multiply by {0}",
    "negative": "change the sign",
    "plus": "add {0}",
    "podwire::weight": "weigh each value by {0}",
    "process": "the metric is of a process: {*}",
    "processRelation": "the metric is of an edge between two processes: {*}",
    "rate": "how much each counter grew a second in the last {0}",
    "retagByK8sMeta": "the label {0} becomes the service of the pod in {2} of the namespace in {3}",
    "safeDiv": "divide by {0}; dividing by 0 gives 0",
    "service": "the metric is of a service: {*}",
    "serviceInstanceRelation": "the metric is of an edge between two instances: {*}",
    "serviceRelation": "the metric is of an edge between two services: {*}",
    "sum": "add up the samples that have equal {0}; no other label remains",
    "tag": "rewrite the labels: {0}",
    "tagEqual": "keep samples whose labels equal {*}",
    "tagMatch": "keep samples whose whole labels match {*}",
    "tagNotEqual": "keep samples whose labels all differ from {*}",
    "tagNotMatch": "keep samples whose labels all fail to match {*}",
    "valueEqual": "keep values equal to {0}",
    "valueGreater": "keep values above {0}",
    "valueGreaterEqual": "keep values of {0} and above",
    "valueLess": "keep values below {0}",
    "valueLessEqual": "keep values of {0} and below",
    "valueNotEqual": "keep values other than {0}",
}

OPERATORS = {"+": "add", "-": "subtract", "*": "multiply by", "/": "divide by"}

MERGED: Mapping[Merge, str] = {
    Merge.ADD: "add up",
    Merge.MAX: "keep the greatest",
    Merge.MIN: "keep the least",
    Merge.LATEST: "keep the one with the latest time",
}


def explain_rule(rule: Rule) -> str:
    """What a rule does, a step a line."""
    lines = [rule.metric.name]
    if rule.kept is not None:
        lines.append(f"  of samples that pass {show(rule.kept)}")
    lines += [f"  {line}" for line in _steps(rule.tree)]
    return "\n".join([*lines, f"  = {_result(rule)}"])


def _steps(tree: syntax.Expression) -> Iterator[str]:
    match tree:
        case syntax.Metric(name):
            yield f"take {name}"
        case syntax.Call(target):
            yield from _steps(target)
            yield _sentence(tree)
        case syntax.Negate(operand):
            yield from _steps(operand)
            yield "change the sign"
        case syntax.Binary(op, left, right) if is_scalar(right):
            yield from _steps(left)
            yield f"{OPERATORS[op]} {show(right)}"
        case syntax.Binary(op, left, right) if is_scalar(left):
            yield from _steps(right)
            yield f"calculate {show(left)} {op} each value"
        case syntax.Binary(op, left, right):
            yield from _steps(left)
            yield f"{OPERATORS[op]} the sample with equal labels of:"
            yield from (f"  {line}" for line in _steps(right))


def _sentence(call: syntax.Call) -> str:
    arguments = list(map(show, call.arguments))
    sentence = SENTENCES[call.title].replace("{*}", ", ".join(arguments))
    for at, each in enumerate(arguments):
        sentence = sentence.replace(f"{{{at}}}", each)
    return sentence


def _result(rule: Rule) -> str:
    metric = rule.metric
    ranks = f", percentiles {', '.join(map(str, metric.ranks))}" if metric.ranks else ""
    counted = " with how many they are of" if metric.function in AVERAGES else ""
    merge = MERGED[MERGES[metric.function]]
    return f"{metric.function} of {metric.scope}{ranks}: values of a minute {merge}{counted}"
