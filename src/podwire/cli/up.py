"""`podwire up`: backend and agent of one machine, in one process group."""

import typer

from podwire.cli.backend import Config, Verbose
from podwire.cli.output import OK, UNUSABLE, exit_codes


def up(config: Config = None, verbose: Verbose = False) -> None:
    """Run backend and agent until Ctrl-C; one that is killed is started again."""
    from podwire.app import up as app
    from podwire.app.lifetime import log_to_stderr, run
    from podwire.app.programs import Ended
    from podwire.app.settings import ConfigError, load, with_processes

    log_to_stderr(verbose=verbose)
    with exit_codes(ConfigError):
        settings = load(config)
        with_processes(settings.agent)
    code = OK
    try:
        run(app.run(settings.backend, config, verbose=verbose))
    except* Ended:
        code = UNUSABLE
    raise typer.Exit(code)
