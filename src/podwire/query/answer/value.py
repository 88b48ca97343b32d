"""
Metrics as SkyWalking's older clients ask for them: names and ids, without expressions.

In: a metric's name and what it is of.  Out: whole numbers; where there is none, 0 and a flag.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ariadne import QueryType

from podwire.model.metric import Metric, Scope
from podwire.query.context import Context, Info, context_of
from podwire.query.duration import Buckets, buckets
from podwire.query.entity import entity_id, service_of
from podwire.query.known import series
from podwire.query.mqe.evaluate import alternatives
from podwire.query.mqe.result import Row, Value
from podwire.query.mqe.value import HISTOGRAMS, merge, number_of_bound
from podwire.query.plain import Plain
from podwire.query.ranking import ranked

query = QueryType()

Input = Mapping[str, Any]
Shape = dict[str, Any]

MOST = 10_000
"""Of one list."""


async def _rows(context: Context, name: str, entity: str | None, times: Buckets) -> list[Row]:
    """The rows of a metric, none for what is not there."""
    metric = context.metrics.get(name)
    if metric is None or entity is None or metric.function in HISTOGRAMS:
        return []
    return list((await series(context, metric, entity, times)).rows)


def _entity(context: Context, condition: Input) -> str | None:
    metric = context.metrics.get(condition["name"])
    return entity_id(metric.scope, condition["entity"]) if metric else None


def _whole(value: Value) -> int:
    return int(value.number or 0)


def _points(row: Row | None, times: Buckets) -> Shape:
    values = row.values if row else [Value(None, str(s * 1000)) for s in times.starts_s]
    points = (
        {"id": each.id, "value": _whole(each), "isEmptyValue": each.number is None}
        for each in values
    )
    return {"values": Plain(points)}


def _average(row: Row | None) -> int | None:
    """The average of the buckets that have a value, cut."""
    there = [_whole(each) for each in row.values if each.number is not None] if row else []
    return sum(there) // len(there) if there else None


@query.field("readMetricsValues")
async def read_metrics_values(_: object, info: Info, condition: Input, duration: Input) -> Shape:
    context, times = context_of(info), buckets(duration)
    found = await _rows(context, condition["name"], _entity(context, condition), times)
    return {"label": None, "values": _points(found[0] if found else None, times)}


@query.field("readMetricsValue")
async def read_metrics_value(_: object, info: Info, condition: Input, duration: Input) -> int:
    return await _read_average(info, condition, duration) or 0


@query.field("readNullableMetricsValue")
async def read_nullable(_: object, info: Info, condition: Input, duration: Input) -> Shape:
    value = await _read_average(info, condition, duration)
    return {"value": value or 0, "isEmptyValue": value is None}


async def _read_average(info: Info, condition: Input, duration: Input) -> int | None:
    context, times = context_of(info), buckets(duration)
    found = await _rows(context, condition["name"], _entity(context, condition), times)
    return _average(found[0] if found else None)


@query.field("readLabeledMetricsValues")
async def read_labelled(
    _: object, info: Info, condition: Input, labels: Sequence[str], duration: Input
) -> list[Shape]:
    """The rows with one of these label values, or all; a label is shown by its values."""
    context, times = context_of(info), buckets(duration)
    found = await _rows(context, condition["name"], _entity(context, condition), times)
    wanted = {part for label in labels for part in alternatives(label) if part}
    shown = [(",".join(value for _, value in row.labels), row) for row in found]
    return [
        {"label": label, "values": _points(row, times)}
        for label, row in shown
        if not wanted or wanted & {value for _, value in row.labels} or label in wanted
    ]


# By id: the first protocol.


@query.field("getValues")
async def get_values(_: object, info: Info, metric: Input, duration: Input) -> Shape:
    context, times = context_of(info), buckets(duration)
    found = await asyncio.gather(
        *(_rows(context, metric["name"], each, times) for each in metric["ids"])
    )
    averages = [_average(each[0] if each else None) for each in found]
    return {
        "values": [
            {"id": identity, "value": value or 0, "isEmptyValue": value is None}
            for identity, value in zip(metric["ids"], averages, strict=True)
        ]
    }


@query.field("getLinearIntValues")
async def get_linear(_: object, info: Info, metric: Input, duration: Input) -> Shape:
    times = buckets(duration)
    found = await _rows(context_of(info), metric["name"], metric.get("id"), times)
    return _points(found[0] if found else None, times)


@query.field("getMultipleLinearIntValues")
async def get_multiple_linear(
    _: object, info: Info, metric: Input, numOfLinear: int, duration: Input
) -> list[Shape]:
    return await _numbered(info, metric, range(max(0, min(numOfLinear, MOST))), duration)


@query.field("getSubsetOfMultipleLinearIntValues")
async def get_subset(
    _: object, info: Info, metric: Input, linearIndex: Sequence[int], duration: Input
) -> list[Shape]:
    return await _numbered(info, metric, linearIndex, duration)


async def _numbered(
    info: Info, metric: Input, numbers: Sequence[int], duration: Input
) -> list[Shape]:
    """The rows of a labelled metric by their place."""
    times = buckets(duration)
    found = await _rows(context_of(info), metric["name"], metric.get("id"), times)
    return [_points(found[n], times) for n in numbers if 0 <= n < len(found)]


# Heat maps.


@query.field("readHeatMap")
async def read_heat_map(_: object, info: Info, condition: Input, duration: Input) -> Shape | None:
    context, times = context_of(info), buckets(duration)
    metric, entity = context.metrics.get(condition["name"]), _entity(context, condition)
    if metric is None or entity is None or metric.function not in HISTOGRAMS:
        return {"values": [], "buckets": []}
    points = await context.loader.load(
        entity, metric.name, times.first_minute_s, times.last_minute_s
    )
    tables = {index: each.table for index, each in merge(metric, points, times).items()}
    bounds = sorted({key for table in tables.values() for key in table}, key=number_of_bound)
    return {
        "values": [
            {
                "id": str(start_s * 1000),
                "values": [tables.get(index, {}).get(bound, 0) for bound in bounds],
            }
            for index, start_s in enumerate(times.starts_s)
        ],
        "buckets": [
            {"min": low, "max": high}
            for low, high in zip(bounds, [*bounds[1:], "infinite+"], strict=True)
        ],
    }


# Rankings.


@query.field("sortMetrics")
async def sort_metrics(_: object, info: Info, condition: Input, duration: Input) -> list[Shape]:
    context = context_of(info)
    metric = context.metrics.get(condition["name"])
    if metric is None or condition["topN"] < 1:
        return []
    parent = condition.get("parentService")
    service = service_of({"serviceName": parent, "normal": condition.get("normal") is not False})
    found = await ranked(
        context,
        metric,
        buckets(duration),
        limit=min(condition["topN"], MOST),
        order=condition["order"].lower(),
        service=service if parent else None,
    )
    return [{"name": each.name, "id": each.id, "value": str(each.value)} for each in found]


async def _top(
    info: Info,
    name: str,
    topN: int,
    duration: Input,
    order: str,
    scope: Scope,
    service: str | None = None,
) -> list[Shape]:
    context = context_of(info)
    metric: Metric | None = context.metrics.get(name)
    if metric is None or metric.scope is not scope or topN < 1:
        return []
    found = await ranked(
        context,
        metric,
        buckets(duration),
        limit=min(topN, MOST),
        order=order.lower(),
        service=service,
    )
    return [{"name": each.name, "id": each.id, "value": each.value} for each in found]


TOPS = {
    "getServiceTopN": Scope.SERVICE,
    "getAllServiceInstanceTopN": Scope.SERVICE_INSTANCE,
    "getServiceInstanceTopN": Scope.SERVICE_INSTANCE,
    "getAllEndpointTopN": Scope.ENDPOINT,
    "getEndpointTopN": Scope.ENDPOINT,
}


def _top_of(scope: Scope) -> Any:
    async def resolve(
        _: object,
        info: Info,
        name: str,
        topN: int,
        duration: Input,
        order: str,
        serviceId: str | None = None,
    ) -> list[Shape]:
        return await _top(info, name, topN, duration, order, scope, serviceId)

    return resolve


for operation, scope in TOPS.items():
    query.set_field(operation, _top_of(scope))
