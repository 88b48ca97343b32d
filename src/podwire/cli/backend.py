"""`podwire backend`: take in what agents report, answer GraphQL, serve the page."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from podwire.cli.output import exit_codes

Config = Annotated[Path | None, typer.Option("--config", help="YAML file with settings.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log what is done, not only what fails.")]


def backend(
    grpc: Annotated[str | None, typer.Option(help="HOST:PORT for agents.")] = None,
    http: Annotated[str | None, typer.Option(help="HOST:PORT for GraphQL and the page.")] = None,
    storage: Annotated[
        str | None, typer.Option(help="chdb:///PATH or http://HOST:PORT/DATABASE")
    ] = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Run the backend until Ctrl-C."""
    from podwire.app import backend as app
    from podwire.app.lifetime import log_to_stderr, run
    from podwire.app.settings import ConfigError, load
    from podwire.mal import RuleError
    from podwire.receiver.server import PortTaken
    from podwire.storage import Unavailable

    log_to_stderr(verbose=verbose)
    with exit_codes(ConfigError, RuleError, PortTaken, Unavailable):
        said = load(config).backend
        settings = replace(
            said,
            grpc=grpc or said.grpc,
            http=http or said.http,
            storage=storage or said.storage,
        )
        run(app.run(settings))
