"""Metrics of an edge, by expression."""

import asyncio
from collections.abc import Mapping
from typing import Any

from ariadne import QueryType

from podwire.model.identity import instance_id, process_id, relation_id, service_id
from podwire.query.context import Context, Info, context_of
from podwire.query.duration import Buckets, buckets
from podwire.query.mqe.evaluate import Result, evaluate
from podwire.query.mqe.parse import ExpressionError, parse
from podwire.query.mqe.text import number
from podwire.query.mqe.tree import Node, metrics
from podwire.query.mqe.value import Series, series

query = QueryType()

ENDS = (
    ("serviceName", "normal", "serviceInstanceName", "processName"),
    ("destServiceName", "destNormal", "destServiceInstanceName", "destProcessName"),
)


@query.field("execExpression")
async def exec_expression(
    _: object,
    info: Info,
    expression: str,
    entity: Mapping[str, Any],
    duration: Mapping[str, Any],
    debug: bool | None = None,
    dumpDBRsp: bool | None = None,
) -> dict[str, Any]:
    context, times = context_of(info), buckets(duration)
    try:
        tree = parse(expression)
        unknown = next((name for name in metrics(tree) if name not in context.metrics), None)
        if unknown:
            return _nothing(f"Metric: [{unknown}] does not exist.")
        edge = edge_id(entity)
        if edge is None:
            return _nothing(None)
        return _shape(evaluate(tree, await _load(context, tree, edge, times)), times)
    except ExpressionError as error:
        return _nothing(str(error))


def edge_id(entity: Mapping[str, Any]) -> str | None:
    """The relation id of an edge; None unless every name of both ends is given."""
    if any(entity.get(name) is None for end in ENDS for name in end):
        return None
    source, target = (
        process_id(
            instance_id(service_id(entity[service], normal=entity[normal]), entity[instance]),
            entity[process],
        )
        for service, normal, instance, process in ENDS
    )
    return relation_id(source, target)


async def _load(context: Context, tree: Node, edge: str, times: Buckets) -> dict[str, list[Series]]:
    names = sorted(set(metrics(tree)))
    found = await asyncio.gather(
        *(
            context.loader.load(edge, name, times.first_minute_s, times.last_minute_s)
            for name in names
        )
    )
    return {
        name: series(context.metrics[name], points, times)
        for name, points in zip(names, found, strict=True)
    }


def _nothing(error: str | None) -> dict[str, Any]:
    return {"type": "UNKNOWN", "results": [], "error": error}


def _shape(result: Result, times: Buckets) -> dict[str, Any]:
    return {
        "type": "SINGLE_VALUE" if result.is_single else "TIME_SERIES_VALUES",
        "results": [
            {
                "metric": {"labels": [{"key": key, "value": value} for key, value in each.labels]},
                "values": _single(each) if result.is_single else _timed(each, times),
            }
            for each in result.series
        ],
    }


def _single(each: Series) -> list[dict[str, Any]]:
    return [{"id": None, "value": number(each.values[0])}]


def _timed(each: Series, times: Buckets) -> list[dict[str, Any]]:
    return [
        {"id": str(start_s * 1000), "value": number(value)}
        for start_s, value in zip(times.starts_s, each.values, strict=True)
    ]
