"""`podwire metrics`: an MQE expression over one edge."""

import time
from typing import Annotated, Any

import typer

from podwire.cli import find
from podwire.cli.output import ADDRESS, Address, Format, Output, exit_codes, show
from podwire.wire.graphql import Refused, ask

EXECUTE = """
query ($expression: String!, $entity: Entity!, $duration: Duration!) {
  execExpression(expression: $expression, entity: $entity, duration: $duration) {
    type error results { metric { labels { key value } } values { id value } }
  }
}
"""


def metrics(
    expression: Annotated[str, typer.Argument(help="e.g. process_relation_http1_request_cpm")],
    service: Annotated[str, typer.Option(help="Name of the service.")],
    instance: Annotated[str, typer.Option(help="Name of the instance: the pod.")],
    source: Annotated[str, typer.Option(help="Process at the client's end.")],
    target: Annotated[str, typer.Option(help="Process at the server's end.")],
    minutes: Annotated[int, typer.Option(help="How far to look back.", min=1, max=500)] = 10,
    address: Address = ADDRESS,
    output: Format = Output.TABLE,
) -> None:
    """Evaluate an expression over the edge between two processes of an instance."""
    with exit_codes():
        duration = find.recently(address, service, instance, minutes)["duration"]
        entity = edge(service, instance, source, target)
        variables = {"expression": expression, "entity": entity, "duration": duration}
        answer = ask(address, EXECUTE, variables)["execExpression"]
        if answer["error"]:
            raise Refused(answer["error"])
    show(_rows(answer), output, columns=("time", "labels", "value"), empty="No value in this time.")


def edge(service: str, instance: str, source: str, target: str) -> dict[str, Any]:
    """The entity of an edge inside one instance."""
    return {
        "serviceName": service,
        "normal": True,
        "serviceInstanceName": instance,
        "processName": source,
        "destServiceName": service,
        "destNormal": True,
        "destServiceInstanceName": instance,
        "destProcessName": target,
    }


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "time": _time(value["id"]),
            "labels": [f"{label['key']}={label['value']}" for label in result["metric"]["labels"]],
            "value": value["value"],
        }
        for result in answer["results"]
        for value in result["values"]
        if value["value"] is not None
    ]


def _time(epoch_ms: str | None) -> str | None:
    if epoch_ms is None:
        return None
    return time.strftime("%F %R", time.localtime(int(epoch_ms) / 1000))
