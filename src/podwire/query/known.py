"""
What an expression asked for, answered from storage.

In: a tree's needs, an entity, a duration.  Out: a result for each: rows, nothing where the entity
lacks a name, or SkyWalking's words for what cannot be asked so.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from podwire.model.metric import Metric, Scope
from podwire.model.record import SampledKind
from podwire.query.context import Context
from podwire.query.duration import MOST_BUCKETS, SECONDS, Buckets, buckets
from podwire.query.entity import entity_id, service_of
from podwire.query.mqe import tree
from podwire.query.mqe.evaluate import Known, Need, needs
from podwire.query.mqe.lexer import ExpressionError
from podwire.query.mqe.result import Kind, Result, Row, Value, failed
from podwire.query.mqe.value import HISTOGRAMS, LABELLED, rows
from podwire.query.ranking import Ranked, ranked

log = logging.getLogger(__name__)

Input = Mapping[str, Any]

RECORDS = {kind.value: kind for kind in SampledKind}


async def known_for(context: Context, node: tree.Node, entity: Input, duration: Input) -> Known:
    """Everything a tree needs, asked for together."""
    wanted = list(dict.fromkeys(needs(node)))
    found = await asyncio.gather(*(_answer(context, each, entity, duration) for each in wanted))
    answers = dict(zip(wanted, found, strict=True))
    return Known(
        metrics={need: result for need, result in answers.items() if isinstance(need, Need)},
        lists={need: result for need, result in answers.items() if isinstance(need, tree.TopN)},
        step_s=lambda steps: _step_s(duration["step"], steps),
    )


async def _answer(
    context: Context, need: Need | tree.TopN, entity: Input, duration: Input
) -> Result:
    """A need's answer; a store that fails is a result in SkyWalking's words."""
    try:
        if isinstance(need, tree.TopN):
            return await _list(context, need, entity, duration)
        return await read(context, need, entity, duration)
    except context.failures:
        log.exception("the store does not answer")
        return failed("Internal IO exception, query metrics error.")


def _step_s(step: str, steps: int) -> int:
    if step not in SECONDS:
        raise ExpressionError(f"Unsupported step: {step}")
    return SECONDS[step] * steps


async def read(context: Context, need: Need, entity: Input, duration: Input) -> Result:
    """The rows of a metric over time."""
    if need.metric in RECORDS:
        return failed(f"Metric: [{need.metric}] is topN record, need top_n function for query.")
    metric = context.metrics.get(need.metric)
    if metric is None:
        return failed(f"Metric: [{need.metric}] does not exist.")
    if need.steps_back > MOST_BUCKETS:
        return failed(f"The trend range must not be greater than {MOST_BUCKETS}.")
    identity = entity_id(metric.scope, entity)
    if identity is None or metric.function in HISTOGRAMS:
        return Result(Kind.UNKNOWN)
    return await series(context, metric, identity, buckets(duration, need.steps_back))


async def series(context: Context, metric: Metric, identity: str, times: Buckets) -> Result:
    """The rows of a metric of an entity."""
    points = await context.loader.load(
        identity, metric.name, times.first_minute_s, times.last_minute_s
    )
    return Result(
        Kind.TIME_SERIES_VALUES,
        rows(metric, points, times),
        is_labelled=metric.function in LABELLED,
    )


# Lists.


async def _list(context: Context, node: tree.TopN, entity: Input, duration: Input) -> Result:
    name = node.metric.name
    if name in RECORDS:
        return await _records(context, node, entity, duration)
    metric = context.metrics.get(name)
    if metric is None:
        return failed(f"Metric: [{name}] does not exist.")
    if metric.function in LABELLED:
        return failed(f"Metric: [{name}] is labeled value, does not support top_n query.")
    if metric.function in HISTOGRAMS or node.limit < 1:
        return Result(Kind.UNKNOWN)
    found = await ranked(
        context,
        metric,
        buckets(duration),
        limit=node.limit,
        order=node.order,
        service=service_of(entity) if entity.get("serviceName") else None,
        attributes=node.attributes,
    )
    return Result(Kind.SORTED_LIST, (Row((), tuple(_ranked_value(each) for each in found)),))


def _ranked_value(each: Ranked) -> Value:
    return Value(float(each.value), each.name, owner=each.owner)


async def _records(context: Context, node: tree.TopN, entity: Input, duration: Input) -> Result:
    identity = entity_id(Scope.PROCESS_RELATION, entity)
    if identity is None or node.limit < 1:
        return Result(Kind.UNKNOWN)
    times = buckets(duration)
    found = await context.source.records(
        RECORDS[node.metric.name],
        identity,
        since_ms=times.starts_s[0] * 1000,
        until_ms=times.end_s * 1000 - 1,
        limit=node.limit,
        slowest=node.order == "des",
    )
    values: Sequence[Value] = [
        Value(float(each.latency_ms), each.statement, trace_id=each.trace_id) for each in found
    ]
    return Result(Kind.RECORD_LIST, (Row((), tuple(values)),))
