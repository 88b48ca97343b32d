"""Metrics by expression, and which there are."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ariadne import QueryType

from podwire.model.metric import Metric
from podwire.query.context import Context, Info, context_of
from podwire.query.debug import Steps
from podwire.query.known import RECORDS, known_for
from podwire.query.mqe.evaluate import evaluate
from podwire.query.mqe.lexer import ExpressionError
from podwire.query.mqe.parse import parse
from podwire.query.mqe.result import Result, Row, failed
from podwire.query.mqe.text import number
from podwire.query.mqe.value import HISTOGRAMS, LABELLED
from podwire.query.plain import Plain

query = QueryType()


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
    steps = Steps(f"Expression: {expression}, Entity: {entity}, Duration: {duration}")
    try:
        result = await _result(context_of(info), steps, expression, entity, duration)
    except ExpressionError as error:
        result = failed(str(error))
    return shape(result) | ({"debuggingTrace": steps.trace()} if debug else {})


async def _result(
    context: Context,
    steps: Steps,
    expression: str,
    entity: Mapping[str, Any],
    duration: Mapping[str, Any],
) -> Result:
    """What the expression comes to. Raises `ExpressionError` when it cannot be read."""
    with steps.step("MQE syntax analysis"):
        node = parse(expression)
    with steps.step("MQE metrics query"):
        known = await known_for(context, node, entity, duration)
    async with context.turn:
        with steps.step("MQE evaluation"):
            result = evaluate(node, known)
        await asyncio.sleep(0)  # agents and other clients are served between two expressions
    return result


def shape(result: Result) -> dict[str, Any]:
    """A result as GraphQL has it."""
    return {
        "type": result.kind.value,
        "results": [_row(each) for each in result.rows],
        "error": result.error,
    }


def _row(row: Row) -> dict[str, Any]:
    values = [
        {
            "id": value.id,
            "owner": value.owner,
            "value": number(value.number),
            "traceID": value.trace_id,
        }
        for value in row.values
    ]
    is_owned = any(value.owner is not None for value in row.values)
    return {
        "metric": {"labels": [{"key": key, "value": value} for key, value in row.labels]},
        "values": values if is_owned else Plain(values),
    }


# Which metrics there are.


@query.field("typeOfMetrics")
def type_of_metrics(_: object, info: Info, name: str) -> str:
    return _type(name, context_of(info).metrics.get(name))


def _type(name: str, metric: Metric | None) -> str:
    if name in RECORDS:
        return "SAMPLED_RECORD"
    if metric is None:
        return "UNKNOWN"
    if metric.function in HISTOGRAMS:
        return "HEATMAP"
    return "LABELED_VALUE" if metric.function in LABELLED else "REGULAR_VALUE"


@query.field("listMetrics")
async def list_metrics(_: object, info: Info, regex: str | None = None) -> list[dict[str, str]]:
    context = context_of(info)
    names: Sequence[str] = sorted({*context.metrics, *RECORDS})
    if regex:
        names = await context.source.matching(regex, names)
    return [_definition(name, context.metrics.get(name)) for name in names]


def _definition(name: str, metric: Metric | None) -> dict[str, str]:
    catalog = metric.scope.value if metric else "PROCESS_RELATION"
    return {"name": name, "type": _type(name, metric), "catalog": catalog}
