"""`podwire agent`: measure the processes of this host when a task asks for it."""

from pathlib import Path
from typing import Annotated

import typer

from podwire.cli.backend import Config, Verbose


def agent(
    backend: Annotated[str | None, typer.Option(help="HOST:PORT of the backend's gRPC.")] = None,
    config: Config = None,
    status: Annotated[
        Path | None, typer.Option(help="File that always holds the newest totals as JSON.")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Run the agent of this host until Ctrl-C."""
    from podwire.app.alone import Options, become_agent

    become_agent(
        Options(
            backend=backend,
            config=str(config) if config else None,
            status=str(status) if status else None,
            verbose=verbose,
        )
    )
