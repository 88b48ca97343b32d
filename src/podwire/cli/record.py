"""`podwire record`: a line between an agent and its backend that remembers what is said."""

from pathlib import Path
from typing import Annotated

import typer

from podwire.cli.output import exit_codes


def record(
    file: Annotated[Path, typer.Argument(help="Where to write; must not exist yet.")],
    to: Annotated[str, typer.Option(help="HOST:PORT of the backend's gRPC.")],
    listen: Annotated[str, typer.Option(help="HOST:PORT for the agent.")] = "127.0.0.1:0",
) -> None:
    """Pass on what an agent says to a backend, and write it to FILE, until Ctrl-C."""
    import asyncio

    from podwire.app import record as app
    from podwire.app.lifetime import log_to_stderr, run

    async def main() -> None:
        listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        listening.add_done_callback(
            lambda port: typer.echo(f"agents report to port {port.result()}", err=True)
        )
        await app.run(file, listen, to, listening=listening)

    log_to_stderr(verbose=False)
    with exit_codes(OSError):
        run(main())
