"""`podwire demo`: a real shop, measured; or a check of our numbers against its books."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from podwire.cli.output import OK, REFUSED, errors, exit_codes

if TYPE_CHECKING:
    from podwire.demo.check import Verdict
    from podwire.demo.play import Options, Picture

CHECK_SECONDS = 30.0


class Form(StrEnum):
    """How the check's result is printed."""

    TABLE = "table"
    JSON = "json"


def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Compare our numbers with the shop's own books.")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="How long customers come; 30 with --check.")
    ] = None,
    output: Annotated[
        Form, typer.Option("--output", "-o", help="How to print the check's result.")
    ] = Form.TABLE,
    http: Annotated[
        str, typer.Option(help="HOST:PORT for GraphQL and the page; port 0 is any that is free.")
    ] = "127.0.0.1:12800",
    grpc: Annotated[
        str, typer.Option(help="HOST:PORT for the agent; port 0 is any that is free.")
    ] = "127.0.0.1:11800",
    data: Annotated[
        Path | None, typer.Option(help="Keep the store in this folder, also afterwards.")
    ] = None,
    courier: Annotated[
        bool, typer.Option(help="Let in the courier, a program that SkyWalking's agent traces.")
    ] = True,
) -> None:
    """
    Open a small shop in network namespaces, measure it, and show what arrives until Ctrl-C.

    Ctrl-C removes everything that was made; what a killed demo left is removed by the next.
    """
    from podwire.capture import Unavailable
    from podwire.capture.kernel import check_system
    from podwire.demo import play, shopkeeper
    from podwire.demo.network import SetupError
    from podwire.demo.stage import Broken

    with exit_codes(Unavailable, SetupError, Broken, shopkeeper.Missing):
        shopkeeper.check_system()
        check_system()
        options = play.Options(
            http=http, grpc=grpc, data=data, seconds=seconds or 0, has_courier=courier
        )
        code = _check(options, output) if check else _watch(options)
    raise typer.Exit(code)


def _say(message: str) -> None:
    errors.print(f"  DEMO  {message}", markup=False)


def _check(options: "Options", output: Form) -> int:
    from dataclasses import replace

    from podwire.app.lifetime import run
    from podwire.demo import play

    found: list[Verdict] = []

    async def main() -> None:
        chosen = replace(options, seconds=options.seconds or CHECK_SECONDS)
        found.append(await play.verdict(chosen, _say))

    run(main())
    if not found:
        return REFUSED  # cancelled: nothing was found out
    (verdict,) = found
    if output is Form.JSON:
        print(json.dumps(verdict.document()))  # noqa: T201
    else:
        Console().print(_verdict(verdict))
        wrong = sum(not family.ok for family in verdict.families)
        _say(f"{len(verdict.families)} families compared, {wrong} wrong")
    return OK if verdict.ok else REFUSED


def _verdict(verdict: "Verdict") -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("metric", "measured", "truth", "ok"):
        table.add_column(column, overflow="fold")
    for family in verdict.families:
        mark = "[green]ok[/green]" if family.ok else "[bold red]wrong[/bold red]"
        table.add_row(family.name, _text(family.measured), _text(family.truth), mark)
    return table


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_text(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return "-" if value is None else str(value)


def _watch(options: "Options") -> int:
    from podwire.app.lifetime import run
    from podwire.demo import play

    if not sys.stdout.isatty():
        run(play.watched(options, _say, lambda picture: print(_line(picture), flush=True)))  # noqa: T201
        return OK
    with Live(console=Console(), refresh_per_second=2, transient=True) as live:

        def say(message: str) -> None:
            live.console.print(f"  DEMO  {message}", markup=False, highlight=False)

        run(play.watched(options, say, lambda picture: live.update(_stations(picture))))
    return OK


def _line(picture: "Picture") -> str:
    edges = ", ".join(
        f"{edge.source}->{edge.target} {edge.protocol} {count}" for edge, count in picture.edges
    )
    return " | ".join(f"{name}: {text}" for name, text in (*_totals(picture), ("edges", edges)))


def _totals(picture: "Picture") -> list[tuple[str, str]]:
    agent, backend = picture.agent, picture.backend
    lost = {name: n for name, n in (agent | backend).items() if n and _is_loss(name)}
    return [
        ("kernel", f"{agent.get('flow_total', 0)} flow windows"),
        (
            "agent",
            f"{agent.get('process_watched', 0)} processes measured, "
            f"{agent.get('collection_sent_total', 0)} reports sent, "
            f"{agent.get('collection_waiting', 0)} waiting",
        ),
        ("backend", f"{backend['meter_total']} meters" if "meter_total" in backend else "-"),
        ("storage", f"{backend.get('partial_total', 0)} rows"),
        ("lost", _text(lost) or "nothing"),
    ]


def _is_loss(name: str) -> bool:
    return any(word in name for word in ("lost", "dropped", "refused"))


def _stations(picture: "Picture") -> Table:
    table = Table(box=None, show_header=False, pad_edge=True)
    for name, text in _totals(picture):
        table.add_row(f"[bold]{name}[/bold]", text)
    for edge, count in picture.edges:
        what = "requests" if edge.protocol in ("http", "https") else "writes"
        title = f"{edge.source} → {edge.target}"
        table.add_row("[bold]GraphQL[/bold]", f"{title}  {edge.protocol}  {count} {what}")
    table.add_row("", "Ctrl-C removes everything.")
    return table
