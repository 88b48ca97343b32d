"""`podwire tls`: what was read of the encrypted connections of an instance, and why not all."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from podwire.cli import find
from podwire.cli.output import ADDRESS, Address, Format, Output, exit_codes, show

COVERAGE = """
query ($instance: ID!, $duration: Duration!) {
  tlsCoverage(serviceInstanceId: $instance, duration: $duration) {
    source target side connections readable
    unread { library reason why remedy connections }
  }
  getProcessTopology(serviceInstanceId: $instance, duration: $duration) { nodes { id name } }
}
"""
COLUMNS = ("source", "target", "seen_by", "connections", "readable", "unread", "library", "why",
           "remedy")  # fmt: skip


def tls(
    service: Annotated[str, typer.Option(help="Name of the service.")],
    instance: Annotated[str, typer.Option(help="Name of the instance: the pod.")],
    minutes: Annotated[int, typer.Option(help="How far to look back.", min=1, max=500)] = 30,
    address: Address = ADDRESS,
    output: Format = Output.TABLE,
) -> None:
    """Show which encrypted connections were read in clear, and why the others were not."""
    with exit_codes():
        asked = find.recently(address, service, instance, minutes)
        answer = find.ours(address, "tlsCoverage", COVERAGE, asked)
    names = {node["id"]: node["name"] for node in answer["getProcessTopology"]["nodes"]}
    rows = [row for each in answer["tlsCoverage"] for row in _rows(each, names)]
    show(rows, output, columns=COLUMNS, empty="No encrypted edge in this time.")


def _rows(edge: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """One for each reason; one without where there is none."""
    whole = {
        "source": names.get(edge["source"], edge["source"]),
        "target": names.get(edge["target"], edge["target"]),
        "seen_by": edge["side"].lower(),
        "connections": edge["connections"],
        "readable": edge["readable"],
    }
    for each in edge["unread"]:
        yield whole | each | {"connections": edge["connections"], "unread": each["connections"]}
    if not edge["unread"]:
        yield whole | {"unread": 0}
