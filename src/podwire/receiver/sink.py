"""Where admitted data goes: the receivers' view of storage."""

from collections.abc import Sequence
from typing import Protocol

from podwire.model.metric import Partial, Relation
from podwire.model.process import ProcessRecord
from podwire.model.task import NetworkTask


class Sink(Protocol):
    """Keeps what agents report; `storage.Store` is the real one."""

    async def report_processes(self, records: Sequence[ProcessRecord]) -> None:
        """
        Insert or refresh processes by id.

        Follows the wire's upsert rules: the last ping is replaced, the agent id when it is not
        blank, properties merge by key, the detect type when it is above UNDEFINED, labels when
        there are any.
        """

    async def keep_alive(self, records: Sequence[ProcessRecord]) -> None:
        """As `report_processes`, and their services and instances exist from now on."""

    async def add(self, partials: Sequence[Partial], relations: Sequence[Relation]) -> None:
        """Take in partials and edges; queryable within a second."""

    async def tasks_of_agent(
        self, agent_id: str, *, since_ms: int, now_ms: int
    ) -> Sequence[tuple[NetworkTask, Sequence[str]]]:
        """
        Tasks updated after `since_ms` with the ids of the agent's live processes of the instance.

        A process is live when it pinged within two heartbeats (45 s); a task without one is left
        out.
        """
