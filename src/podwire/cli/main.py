"""The `podwire` program: one Typer application, one file per command."""

import os
from typing import Annotated

import typer

import podwire
from podwire.cli.agent import agent
from podwire.cli.audit import audit
from podwire.cli.backend import backend
from podwire.cli.demo import demo
from podwire.cli.doctor import app as doctor
from podwire.cli.mal import app as mal
from podwire.cli.metrics import metrics
from podwire.cli.record import record
from podwire.cli.replay import replay
from podwire.cli.request import request
from podwire.cli.requests import requests
from podwire.cli.task import app as task
from podwire.cli.tls import tls
from podwire.cli.topology import topology
from podwire.cli.up import up

EPILOG = (
    "Exit codes: 0 done, 1 the answer is no (a refused task, a failed check), "
    "2 something must be changed first; the message says what and where."
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
RUN, ASK = "Run", "Ask"
app.command(rich_help_panel=RUN)(demo)
app.command(rich_help_panel=RUN)(up)
app.command(rich_help_panel=RUN)(backend)
app.command(rich_help_panel=RUN)(agent)
app.add_typer(doctor, name="doctor", rich_help_panel=RUN)
app.add_typer(mal, name="mal", rich_help_panel=RUN)
app.command(rich_help_panel=RUN)(record)
app.command(rich_help_panel=RUN)(replay)
app.add_typer(task, name="task", rich_help_panel=ASK)
app.command(rich_help_panel=ASK)(topology)
app.command(rich_help_panel=ASK)(tls)
app.command(rich_help_panel=ASK)(metrics)
app.command(rich_help_panel=ASK)(requests)
app.command(rich_help_panel=ASK)(request)
app.command(rich_help_panel=ASK)(audit)


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"podwire {podwire.__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Network monitoring of pods, from the kernel to the picture."""


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # our own messages say what failed
    app()
