"""`podwire agent`: measure the processes of this host when a task asks for it."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from podwire.cli.backend import Config, Verbose
from podwire.cli.output import exit_codes


def agent(
    backend: Annotated[str | None, typer.Option(help="HOST:PORT of the backend's gRPC.")] = None,
    config: Config = None,
    status: Annotated[
        Path | None, typer.Option(help="File that always holds the newest totals as JSON.")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Run the agent of this host until Ctrl-C."""
    from podwire.app import agent as app
    from podwire.app.lifetime import log_to_stderr, run
    from podwire.app.settings import ConfigError, load
    from podwire.capture import Unavailable

    log_to_stderr(verbose=verbose)
    with exit_codes(ConfigError, Unavailable):
        settings = load(config).agent
        settings = replace(settings, backend=backend) if backend else settings
        if not settings.hosts and not settings.kubernetes:
            raise ConfigError(
                "agent names no process: give a --config with at least one rule in agent.hosts, "
                "or with agent.kubernetes.node"
            )
        run(app.run(settings, status=status))
