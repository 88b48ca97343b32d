"""What queries ask of storage: a seam owned by the one who asks."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from podwire.model.audit import Entry
from podwire.model.metric import Metric
from podwire.model.policy import Policy
from podwire.model.record import SampledKind, SampledRecord
from podwire.model.task import NetworkTask
from podwire.model.topology import Edge, Instance, Point, Service, StoredProcess
from podwire.model.trace import Span, SpanEvent


class Source(Protocol):
    """Reads merged rows; `storage.Store` is the real one."""

    async def services(self) -> Sequence[Service]:
        """Every service, by name."""

    async def instances(self, service_id: str = "") -> Sequence[Instance]:
        """Every instance of a service, or of all."""

    async def processes(
        self,
        *,
        service_id: str = "",
        instance_id: str = "",
        ids: Sequence[str] = (),
        since_ms: int = 0,
        until_ms: int = 2**62,
    ) -> Sequence[StoredProcess]:
        """Processes that were pinged in a time; of a service, an instance, some ids, or all."""

    async def edges(self, instance_id: str, since_s: int, until_s: int) -> Sequence[Edge]:
        """Edges that an instance saw in these minutes, both ends included."""

    async def points(
        self, entity: str, metrics: Sequence[str], since_s: int, until_s: int
    ) -> Mapping[str, Sequence[Point]]:
        """Minutes of several metrics of one entity, by metric, ordered by time."""

    async def top(
        self,
        metric: Metric,
        starts_s: Sequence[int],
        end_s: int,
        *,
        limit: int,
        ascending: bool,
        within: Sequence[str] | None = None,
    ) -> Sequence[tuple[str, int]]:
        """
        The entities with the least or the most, each with the average of its buckets, cut.

        `starts_s` are the buckets' starts and `end_s` where the last one ends; `within` are ids
        that an entity's id must begin with.
        """

    async def entities(
        self, metrics: Sequence[str], prefix: str, *, since_s: int, until_s: int, limit: int
    ) -> Sequence[str]:
        """Ids that begin so and have one of these metrics in these minutes, both included."""

    async def records(
        self,
        kind: SampledKind,
        entity: str,
        *,
        since_ms: int,
        until_ms: int,
        limit: int,
        slowest: bool,
    ) -> Sequence[SampledRecord]:
        """Sampled requests of an edge, the slowest or the fastest first."""

    async def spans(self, trace_id: str) -> Sequence[Span]:
        """The spans of a trace, by start."""

    async def events(self, trace_id: str) -> Sequence[SpanEvent]:
        """The events of a trace, by start."""

    async def audit(self, *, since_ms: int, until_ms: int, limit: int) -> Sequence[Entry]:
        """Who did what of a sensitive kind, the newest first."""

    async def write_audit(self, entry: Entry) -> None:
        """Keep that somebody did something; it is kept when this returns."""

    async def policies(self, service_ids: Sequence[str]) -> Sequence[Policy]:
        """What is set for these services; a service that never had a policy is absent."""

    async def write_policy(self, new: Policy, now_ms: int) -> None:
        """Keep a policy instead of the one that its service had."""

    async def matching(self, pattern: str, names: Sequence[str]) -> Sequence[str]:
        """Names in which a pattern is found, in time linear in them; ValueError for a bad one."""

    async def tasks(
        self, *, service_id: str = "", instance_id: str = "", task_id: str = ""
    ) -> Sequence[NetworkTask]:
        """Tasks, the newest first."""

    async def last_pings(self, instance_ids: Sequence[str]) -> Mapping[str, int]:
        """When an agent last spoke of each of these instances, in milliseconds."""

    async def write_task(self, new: NetworkTask) -> None:
        """Keep a task, or a longer duration of one."""
