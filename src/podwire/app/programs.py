"""
Backend and agent as child processes that are started again when something kills them.

In: command lines of `podwire`.  Out: running programs until the context is left.
A program that ends by itself because an operator must act (exit code 2) is not started again: that
ends the whole. Children die with their parent, whatever kills it.
"""

import asyncio
import ctypes
import logging
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

log = logging.getLogger(__name__)

UNUSABLE = 2
STOP_TIMEOUT_S = 10.0
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Ended(RuntimeError):
    """A program ended because an operator must act; it has said why on standard error."""


def die_with_parent() -> None:
    """Between fork and exec: SIGTERM when the parent is gone."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Program:
    """One command line of `podwire`, and how often it had to be started."""

    name: str
    arguments: Sequence[str]
    output: IO[bytes] | None = None
    """Where its standard error goes; this process's own when not given."""

    starts: int = 0
    pid: int = 0

    async def run(self) -> None:
        """Keep it running until cancelled. Raises `Ended`."""
        while True:
            started_s = time.monotonic()
            code = await self._once()
            if code == UNUSABLE:
                raise Ended(self.name)
            log.warning(
                "%s ended with %s%s; starting it again", self.name, _ending(code), self._where()
            )
            if time.monotonic() - started_s < 1:
                await asyncio.sleep(1)  # it cannot start: trying faster would only burn CPU

    def _where(self) -> str:
        return f", see {self.output.name}" if self.output else ""

    async def _once(self) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "podwire.cli",
            *self.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            preexec_fn=die_with_parent,
        )
        self.starts += 1
        self.pid = process.pid
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
