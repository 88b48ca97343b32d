"""Where admitted data goes: the receivers' view of storage."""

from collections.abc import Sequence
from typing import Protocol

from podwire.model.metric import Partial, Relation
from podwire.model.policy import Policy
from podwire.model.process import ProcessRecord, Sighting
from podwire.model.record import SampledRecord
from podwire.model.task import NetworkTask
from podwire.model.trace import Span, SpanEvent
from podwire.receiver.analysis import Pieces


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

    async def see(self, sightings: Sequence[Sighting]) -> None:
        """Instances that something was heard of exist from now on, and their services."""

    async def add(self, partials: Sequence[Partial], relations: Sequence[Relation]) -> None:
        """Take in partials and edges; queryable within a second."""

    async def add_pieces(self, pieces: Pieces, relations: Sequence[Relation]) -> None:
        """As `add`, in columns."""

    async def tasks_of_agent(
        self, agent_id: str, *, since_ms: int, now_ms: int, follows_instance: bool = False
    ) -> Sequence[tuple[NetworkTask, Sequence[str]]]:
        """
        Tasks updated after `since_ms` with the ids of the agent's live processes of the instance.

        A process is live when it pinged within two heartbeats (45 s); a task without one is left
        out. An agent that follows an instance by itself is told all of them; another one is
        told runs that never share a process.
        """

    async def write_task(self, new: NetworkTask) -> None:
        """Keep a task that an agent started by itself."""

    async def policies(self, service_ids: Sequence[str]) -> Sequence[Policy]:
        """What is set for these services; a service that never had a policy is absent."""

    async def add_records(self, records: Sequence[SampledRecord]) -> None:
        """Keep sampled requests, none twice."""

    async def add_spans(self, spans: Sequence[Span]) -> None:
        """Keep spans, none twice."""

    async def add_events(self, events: Sequence[SpanEvent]) -> None:
        """Keep events of spans, none twice."""
