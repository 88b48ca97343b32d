"""
Backend and agent for a demo, as programs of their own: each may be killed, the other goes on.

In: a shop's name, a folder, two addresses.  Out: `Stage`; what a program said last when it cannot
run here.
"""

import asyncio
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import httpx

from podwire.app.programs import Ended, Program
from podwire.demo import leftover
from podwire.demo.question import Backend
from podwire.demo.rules import configuration
from podwire.wire.graphql import Refused, Unanswered

POLL_S = 0.1


class Stage(Protocol):
    """What runs the shop's play: a backend that answers, and an agent."""

    @property
    def address(self) -> str:
        """`http://HOST:PORT` of GraphQL and the page."""

    @property
    def grpc(self) -> str:
        """HOST:PORT of its gRPC."""

    @property
    def backend(self) -> Backend:
        """Its GraphQL."""

    async def agent_totals(self) -> Mapping[str, int]:
        """What the agent counts of itself; empty while there is none."""

    async def backend_totals(self) -> Mapping[str, int]:
        """What the backend counts of itself; empty while there is none."""

    async def failed(self) -> None:
        """Wait until a program cannot go on. Raises `Broken`."""


class Broken(RuntimeError):
    """A program ended because an operator must act; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where backend and agent listen and keep things."""

    http: str
    grpc: str
    data: Path


def free(address: str) -> str:
    """
    HOST:PORT to listen on, with a free port instead of 0.

    Raises `Broken` when somebody else listens there: whoever that is must not get our tasks.
    """
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return address  # the backend says what is wrong with it
    try:
        with socket.create_server((host, int(port))) as probe:
            return f"{host}:{probe.getsockname()[1]}"
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise Broken(f"cannot listen on {address}: {reason}") from error


class Programs:
    """The real stage: `podwire backend` and `podwire agent`, until the context is left."""

    def __init__(self, demo: str, folder: Path, places: Places) -> None:
        self._demo = demo
        self._folder = folder
        self._status = folder / "agent.json"
        self.address, self.grpc = f"http://{places.http}", places.grpc
        self.backend = Backend(self.address)
        self.programs = (
            Program("backend", self._backend(places)),
            Program("agent", self._agent(places)),
        )
        self._tasks: dict[asyncio.Task[None], str] = {}

    def _backend(self, places: Places) -> list[str]:
        storage = f"chdb://{places.data.resolve()}/store"
        addresses = ["--grpc", places.grpc, "--http", places.http]
        return ["backend", *addresses, "--storage", storage]

    def _agent(self, places: Places) -> list[str]:
        config = str(self._folder / "podwire.json")
        options = ["--config", config, "--status", str(self._status)]
        return ["agent", "--backend", places.grpc, *options]

    async def __aenter__(self) -> Self:
        os.environ[leftover.MARK] = self._demo
        (self._folder / "podwire.json").write_text(json.dumps(configuration(self._demo)))
        for program in self.programs:
            program.output = self._log(program.name).open("wb")
            self._tasks[asyncio.create_task(program.run())] = program.name
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for program in self.programs:
            if program.output:
                program.output.close()
        os.environ.pop(leftover.MARK, None)

    async def failed(self) -> None:
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if isinstance(task.exception(), Ended):
                raise Broken(self._last_word(self._tasks[task]))
            task.result()

    async def agent_totals(self) -> Mapping[str, int]:
        try:
            totals: Mapping[str, int] = json.loads(self._status.read_text())
        except FileNotFoundError:
            return {}
        return totals

    async def backend_totals(self) -> Mapping[str, int]:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            try:
                totals: Mapping[str, int] = (await client.get(f"{self.address}/status")).json()
            except (httpx.HTTPError, ValueError):
                return {}
        return totals

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _last_word(self, name: str) -> str:
        said = self._log(name).read_text().strip().splitlines()
        return said[-1].removeprefix("podwire: ") if said else f"the {name} ended without a word"


async def answering(stage: Stage, timeout_s: float = 60) -> None:
    """Wait for GraphQL. Raises `Broken`."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        try:
            await stage.backend.window(time.time())
        except (Unanswered, Refused):
            await asyncio.sleep(POLL_S)
        else:
            return
    raise Broken(f"nothing answered at {stage.address} within {timeout_s:.0f} s")


async def task_running(stage: Stage, processes: int, timeout_s: float = 60) -> str:
    """Create a task once the pod's processes are known, and wait until they are measured."""
    deadline_s = time.monotonic() + timeout_s
    task, reason = "", "the agent has not reported the shop"
    while time.monotonic() < deadline_s:
        if not task:
            try:
                task, reason = await stage.backend.create_task()
            except Unanswered as error:
                reason = str(error)
        elif await _are_measured(stage, processes):
            return task
        else:
            reason = "the agent has not taken up the task"
        await asyncio.sleep(POLL_S)
    raise Broken(f"the shop was not measured within {timeout_s:.0f} s: {reason}")


async def _are_measured(stage: Stage, processes: int) -> bool:
    """Whether so many are, and what they say inside TLS is read, too."""
    totals = await stage.agent_totals()
    return all(
        totals.get(name, 0) >= processes for name in ("process_watched", "process_looked_into")
    )
