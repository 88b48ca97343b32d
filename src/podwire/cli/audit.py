"""`podwire audit`: who read sampled bytes, and who let secrets leave a node."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from podwire.cli import find
from podwire.cli.output import ADDRESS, Address, Format, Output, exit_codes, show

AUDIT = """
query ($duration: Duration!, $limit: Int) {
  audit(duration: $duration, limit: $limit) { time who act subject }
}
"""


def audit(
    days: Annotated[int, typer.Option(help="How far to look back.", min=1, max=90)] = 7,
    limit: Annotated[int, typer.Option(help="So many, the newest.", min=1, max=10_000)] = 100,
    address: Address = ADDRESS,
    output: Format = Output.TABLE,
) -> None:
    """List who read sampled bytes and who started a task that masks nothing."""
    with exit_codes():
        duration = find.days(address, days)
        asked = {"duration": duration, "limit": limit}
        found = find.ours(address, "audit", AUDIT, asked)["audit"]
    rows = [
        {
            "time": f"{datetime.fromtimestamp(each['time'] / 1000, UTC):%Y-%m-%d %H:%M:%S}",
            "who": each["who"],
            "act": each["act"].lower(),
            "subject": each["subject"],
        }
        for each in found
    ]
    columns = ("time", "who", "act", "subject")
    show(rows, output, columns=columns, empty="Nobody read a sample in this time.")
