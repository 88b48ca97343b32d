"""`podwire replay`: say a recording again, to another backend."""

import os
from pathlib import Path
from typing import Annotated

import typer

from podwire.cli.output import exit_codes


def replay(
    file: Annotated[Path, typer.Argument(help="A recording of `podwire record`.")],
    to: Annotated[str, typer.Option(help="HOST:PORT of the backend's gRPC.")],
    speed: Annotated[
        float, typer.Option(help="Times faster than it was recorded.", min=0.01, max=10_000)
    ] = 1.0,
) -> None:
    """
    Say a recording again, its times moved to now; $PODWIRE_TOKEN is the backend's token.

    Exit code 1 when a call was refused.
    """
    import asyncio

    import grpc

    from podwire.app.replay import Outcome
    from podwire.app.replay import replay as play
    from podwire.wire.recording import NotARecording, read

    async def main() -> Outcome:
        async with grpc.aio.insecure_channel(to) as channel:
            try:
                await asyncio.wait_for(channel.channel_ready(), 5)
            except TimeoutError as error:
                raise ConnectionError(f"no backend answers at {to}") from error
            token = os.environ.get("PODWIRE_TOKEN", "")
            return await play(entries, channel, speed=speed, token=token)

    with exit_codes(OSError, NotARecording):
        entries = list(read(file))
        outcome = asyncio.run(main())
        typer.echo(f"{outcome.calls} calls, {outcome.messages} messages")
        for what, count in sorted(outcome.refused.items()):
            typer.echo(f"refused: {what} x {count}")
        if outcome.refused:
            raise typer.Exit(1)
