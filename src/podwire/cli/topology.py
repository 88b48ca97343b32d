"""`podwire topology`: who talks to whom inside and around an instance."""

from typing import Annotated, Any

import typer

from podwire.cli import find
from podwire.cli.output import ADDRESS, Address, Format, Output, exit_codes, show
from podwire.wire.graphql import ask

TOPOLOGY = """
query ($instance: ID!, $duration: Duration!) {
  getProcessTopology(serviceInstanceId: $instance, duration: $duration) {
    nodes { id name isReal }
    calls { id source target detectPoints sourceComponents targetComponents }
  }
}
"""


def topology(
    service: Annotated[str, typer.Option(help="Name of the service.")],
    instance: Annotated[str, typer.Option(help="Name of the instance: the pod.")],
    minutes: Annotated[int, typer.Option(help="How far to look back.", min=1, max=500)] = 30,
    address: Address = ADDRESS,
    output: Format = Output.TABLE,
) -> None:
    """Show who talks to whom, over what, in the last minutes."""
    with exit_codes():
        asked = find.recently(address, service, instance, minutes)
        answer = ask(address, TOPOLOGY, asked)
        rows = edges(answer["getProcessTopology"])
    columns = ("source", "target", "protocol", "seen_by")
    show(
        rows, output, columns=columns, empty="No edge yet: is a task running and is there traffic?"
    )


def edges(graph: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a call, ends by name."""
    names = {node["id"]: node["name"] for node in graph["nodes"]}
    return [
        {
            "source": names.get(call["source"], call["source"]),
            "target": names.get(call["target"], call["target"]),
            "protocol": sorted({*call["sourceComponents"], *call["targetComponents"]}),
            "seen_by": [point.lower() for point in call["detectPoints"]],
        }
        for call in graph["calls"]
    ]
