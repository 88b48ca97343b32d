"""What queries ask of storage: a seam owned by the one who asks."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from podwire.model.task import NetworkTask
from podwire.model.topology import Edge, Instance, Point, Service, StoredProcess


class Source(Protocol):
    """Reads merged rows; `storage.Store` is the real one."""

    async def services(self) -> Sequence[Service]:
        """Every service, by name."""

    async def instances(self, service_id: str = "") -> Sequence[Instance]:
        """Every instance of a service, or of all."""

    async def processes(
        self,
        *,
        instance_id: str = "",
        ids: Sequence[str] = (),
        since_ms: int = 0,
        until_ms: int = 2**62,
    ) -> Sequence[StoredProcess]:
        """Processes that were pinged in a time; of an instance, of some ids, or all."""

    async def edges(self, instance_id: str, since_s: int, until_s: int) -> Sequence[Edge]:
        """Edges that an instance saw in these minutes, both ends included."""

    async def points(
        self, entity: str, metrics: Sequence[str], since_s: int, until_s: int
    ) -> Mapping[str, Sequence[Point]]:
        """Minutes of several metrics of one entity, by metric, ordered by time."""

    async def tasks(
        self, *, service_id: str = "", instance_id: str = "", task_id: str = ""
    ) -> Sequence[NetworkTask]:
        """Tasks, the newest first."""

    async def last_pings(self, instance_ids: Sequence[str]) -> Mapping[str, int]:
        """When an agent last spoke of each of these instances, in milliseconds."""

    async def write_task(self, new: NetworkTask) -> None:
        """Keep a task, or a longer duration of one."""
