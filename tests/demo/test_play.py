"""The demo keeps its task alive as long as it is watched."""

import asyncio
from typing import Any

import pytest

from podwire.demo import play
from podwire.wire.graphql import Unanswered


class ForgetfulBackend:
    """GraphQL by hand: away at first, then the old task has ended, then the new one lives."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.done = asyncio.Event()

    async def keep_task(self, task: str) -> bool:
        self.kept.append(task)
        if len(self.kept) == 1:
            raise Unanswered
        if len(self.kept) == 4:
            self.done.set()
        return task == "new"

    async def create_task(self) -> tuple[str, str]:
        return "new", ""


class FakeStage:
    """Only what keeping a task needs."""

    def __init__(self) -> None:
        self.backend = ForgetfulBackend()


async def test_a_task_that_ended_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that is away is asked again; the backend is a fake of GraphQL's answers."""
    monkeypatch.setattr(play, "KEEP_INTERVAL_S", 0)
    stage: Any = FakeStage()
    keeping = asyncio.create_task(play._keep(stage, "old"))

    await asyncio.wait_for(stage.backend.done.wait(), 60)
    keeping.cancel()

    assert ["old", "old", "new", "new"] == stage.backend.kept[:4]
