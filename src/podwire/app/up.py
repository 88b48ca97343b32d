"""
Backend and agent of one machine, together.

In: settings of both.  Out: two programs until cancelled; either may be killed, the other goes on.
"""

import asyncio
from pathlib import Path

from podwire.app.programs import Program
from podwire.app.settings import BackendSettings


async def run(settings: BackendSettings, config: Path | None, *, verbose: bool) -> None:
    """Raises `programs.Ended` when one of them cannot run here."""
    options = [*(["--config", str(config)] if config else []), *(["--verbose"] if verbose else [])]
    backend = Program("backend", ["backend", *options])
    agent = Program("agent", ["agent", "--backend", settings.grpc, *options])
    async with asyncio.TaskGroup() as group:
        group.create_task(backend.run())
        group.create_task(agent.run())
