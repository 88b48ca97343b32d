"""`podwire request`: one sampled request: what was sent, what came back, the calls between."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.table import Table

from podwire.cli.exchange import Exchange, Message, curl, exchanges, har
from podwire.cli.output import ADDRESS, Address, Format, Output, console, exit_codes, plain, show
from podwire.wire.graphql import Refused, ask

EVENTS = """
query ($trace: ID!) {
  sampledEvents(traceId: $trace) {
    segmentId spanId event
    startTime { seconds nanos } endTime { seconds nanos } tags { key value }
  }
}
"""
COLUMNS = ("process", "role", "request", "status", "duration_ms")


def request(
    trace: Annotated[str, typer.Argument(help="Trace id, as `podwire requests` prints it.")],
    process: Annotated[str | None, typer.Option(help="The hop that this process saw.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Only the bytes of both messages.")] = False,
    as_har: Annotated[bool, typer.Option("--har", help="As HAR 1.2.")] = False,
    as_curl: Annotated[bool, typer.Option("--curl", help="As a command line of curl.")] = False,
    address: Address = ADDRESS,
    output: Format = Output.TABLE,
) -> None:
    """Show a sampled request: its raw messages, its system calls, the hops of its trace."""
    with exit_codes():
        events = ask(address, EVENTS, {"trace": trace})["sampledEvents"]
        found = exchanges(events)
        there = ", ".join(sorted({each.process for each in found}))
        hops = [each for each in found if process in (None, each.process)]
        if not hops:
            reason = f"the process {process!r} saw none of it; {there} did" if there else "unknown"
            raise Refused(f"no request was recorded of trace {trace!r}: {reason}")
    if raw:
        sys.stdout.buffer.write(b"".join(part.bytes for part in _messages(hops[0])))
    elif as_har:
        print(json.dumps(har(hops[0]), indent=2))  # noqa: T201
    elif as_curl:
        print(curl(hops[0]))  # noqa: T201
    elif output is not Output.TABLE:
        show([_row(each) for each in hops], output, columns=(), empty="")
    else:
        show([_row(each) for each in hops], output, columns=COLUMNS, empty="")
        _print(hops[0])


def _messages(exchange: Exchange) -> list[Message]:
    return [part for part in (exchange.request, exchange.response) if part]


def _row(exchange: Exchange) -> dict[str, Any]:
    return {
        "service": exchange.service,
        "instance": exchange.instance,
        "process": exchange.process,
        "role": exchange.role,
        "request": exchange.title,
        "status": exchange.status,
        "duration_ms": exchange.duration_ms,
        "raw_request": exchange.request.text if exchange.request else None,
        "raw_response": exchange.response.text if exchange.response else None,
        "calls": exchange.calls,
    }


def _print(exchange: Exchange) -> None:
    screen = console()
    for part in _messages(exchange):
        screen.rule(plain(part.line, "bold").append(f"  {part.size}", "not bold"), align="left")
        screen.print(plain(part.text), highlight=False)
        if part.missing:
            screen.print(f"[dim]{part.missing} bytes more were not recorded[/dim]")
        if part.is_withheld:
            screen.print("[dim]its bytes stay on the node: they may hold a secret[/dim]")
    if exchange.calls:
        screen.rule("[bold]system calls[/bold]", align="left")
        screen.print(_calls(exchange))


def _calls(exchange: Exchange) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("call", "at ms", "for ms", "facts"):
        table.add_column(column, justify="right" if column.endswith("ms") else "left")
    first_ms = exchange.calls[0]["start_ms"]
    for call in exchange.calls:
        facts = {k: v for k, v in call.items() if k not in ("call", "start_ms", "end_ms")}
        table.add_row(
            plain(call["call"]),
            f"{call['start_ms'] - first_ms:.3f}",
            f"{call['end_ms'] - call['start_ms']:.3f}",
            plain(", ".join(f"{key} {value}" for key, value in facts.items())),
        )
    return table
