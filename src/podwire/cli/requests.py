"""`podwire requests`: which requests the sampling rules picked, edge by edge."""

import time
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from podwire.cli import find
from podwire.cli.metrics import edge
from podwire.cli.output import ADDRESS, Address, Format, Output, exit_codes, show
from podwire.cli.topology import TOPOLOGY, edges
from podwire.wire.graphql import Refused, ask

COLUMNS = ("reason", "duration_ms", "uri", "source", "target", "trace")
TOP = 'expression: "top_n(sampled_{reason}_trace_record,{limit},DES)"'
PICKED = "fragment picked on ExpressionResult { error results { values { id value traceID } } }"
FOLLOW_INTERVAL_S = 2.0

Row = dict[str, Any]


class Reason(StrEnum):
    """Why a request was picked; the worst first."""

    STATUS_5XX = "status_5xx"
    STATUS_4XX = "status_4xx"
    SLOW = "slow"


def requests(
    service: Annotated[str, typer.Option(help="Name of the service.")],
    instance: Annotated[str, typer.Option(help="Name of the instance: the pod.")],
    source: Annotated[str | None, typer.Option(help="Only from this process.")] = None,
    target: Annotated[str | None, typer.Option(help="Only to this process.")] = None,
    reason: Annotated[list[Reason] | None, typer.Option(help="Only these; repeatable.")] = None,
    limit: Annotated[int, typer.Option(help="So many an edge and reason.", min=1, max=500)] = 20,
    minutes: Annotated[int, typer.Option(help="How far to look back.", min=1, max=500)] = 30,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    address: Address = ADDRESS,
    output: Format = Output.TABLE,
) -> None:
    """List the slow and failing requests that a task's sampling rules picked."""

    def found() -> list[Row]:
        asked = find.recently(address, service, instance, minutes)
        graph = ask(address, TOPOLOGY, asked)
        pairs = [
            (each["source"], each["target"])
            for each in edges(graph["getProcessTopology"])
            if source in (None, each["source"]) and target in (None, each["target"])
        ]
        operation = operation_of(len(pairs), reason or list(Reason), limit)
        entities = {f"n{n}": edge(service, instance, *pair) for n, pair in enumerate(pairs)}
        variables = entities | {"duration": asked["duration"]}
        answer = ask(address, operation, variables) if pairs else {}
        return sorted(_rows(answer, pairs), key=lambda row: -row["duration_ms"])

    empty = "No request was picked: does a task with sampling rules run, and did one match?"
    with exit_codes():
        rows = found()
        show(rows, output, columns=COLUMNS, empty="" if follow else empty)
        while follow:
            time.sleep(FOLLOW_INTERVAL_S)
            fresh = [row for row in found() if row not in rows]
            rows += fresh
            show(fresh, output, columns=COLUMNS, empty="")


def operation_of(edges: int, reasons: list[Reason], limit: int) -> str:
    """One operation for every edge and reason."""
    fields = "\n".join(
        f"{reason}_{n}: execExpression({TOP.format(reason=reason, limit=limit)}, entity: $n{n}, "
        "duration: $duration) { ...picked }"
        for n in range(edges)
        for reason in reasons
    )
    entities = ", ".join(f"$n{n}: Entity!" for n in range(edges))
    return f"{PICKED}\nquery ($duration: Duration!, {entities}) {{\n{fields}\n}}"


def _rows(answer: Row, pairs: list[tuple[str, str]]) -> Iterator[Row]:
    for alias, result in answer.items():
        reason, _, number = alias.rpartition("_")
        if result["error"]:
            raise Refused(result["error"])
        source, target = pairs[int(number)]
        for values in result["results"]:
            for value in values["values"]:
                yield {
                    "reason": reason,
                    "duration_ms": int(value["value"]),
                    "uri": value["id"],
                    "source": source,
                    "target": target,
                    "trace": value["traceID"],
                }
