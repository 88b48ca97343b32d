"""
The processes of this host that the backend knows.

In: `discovery`, every scan.  Out: reports and heartbeats through the uplink; names for flows.
A new process is reported and kept alive at once, so that its service appears immediately. One
that the backend does not answer is asked for again with the next heartbeat, not with every scan.
"""

from collections.abc import Mapping, Sequence

from podwire.agent.report import Named
from podwire.agent.uplink import Uplink
from podwire.model.process import Process

REPORT_ALL_EVERY = 10
"""Each so many heartbeats everything is reported anew instead (contract 1.3)."""


class Registry:
    """Pending until the backend answered with an id, then registered until the process ends."""

    def __init__(self, uplink: Uplink) -> None:
        self._uplink = uplink
        self._processes: dict[int, Process] = {}
        self._named: dict[int, Named] = {}
        self._unanswered: dict[int, Process] = {}
        self._beats = 0

    def names_departed(self, processes: Sequence[Process]) -> bool:
        """Whether taking over this scan would forget a registered process."""
        current = set(processes)
        return any(self._processes[pid] not in current for pid in self._named)

    def update(self, processes: Sequence[Process]) -> None:
        """Take over what a scan found; a pid with another start time is another process."""
        current = {process.pid: process for process in processes}
        self._named = {
            pid: named
            for pid, named in self._named.items()
            if pid in current and current[pid] == self._processes[pid]
        }
        self._processes = current

    async def introduce(self) -> None:
        """Report processes that have no id yet and keep them alive."""
        pending = [
            process
            for pid, process in self._processes.items()
            if pid not in self._named and self._unanswered.get(pid) != process
        ]
        if pending:
            await self._report(pending)
            answered = [p for p in pending if p.pid in self._named]
            self._unanswered = {
                pid: process
                for pid, process in self._processes.items()
                if pid not in self._named and (process in pending or pid in self._unanswered)
            }
            if answered:
                await self._uplink.keep_alive(answered)

    async def beat(self) -> None:
        """
        One heartbeat of everything that has an id; each tenth is a full report.

        First what has no id yet: a report always precedes a heartbeat.
        """
        self._beats += 1
        self._unanswered.clear()
        await self.introduce()
        registered = [p for pid, p in self._processes.items() if pid in self._named]
        if not registered:
            return
        if self._beats % REPORT_ALL_EVERY == 0:
            await self._report(registered)
        else:
            await self._uplink.keep_alive(registered)

    async def _report(self, processes: Sequence[Process]) -> None:
        ids = await self._uplink.report(processes)
        for process in processes:
            if process.pid in ids and self._processes.get(process.pid) == process:
                self._named[process.pid] = Named(process.entity, ids[process.pid])

    @property
    def named(self) -> Mapping[int, Named]:
        """Registered processes by pid."""
        return self._named

    def instances_of(self, process_ids: Sequence[str]) -> set[tuple[str, str]]:
        """The (service, instance) pairs that any of these process ids belongs to."""
        wanted = set(process_ids)
        return {
            (named.entity.service, named.entity.instance)
            for named in self._named.values()
            if named.process_id in wanted
        }

    def pids_of(self, instances: set[tuple[str, str]]) -> set[int]:
        """Every registered pid of these instances: workers of one name included."""
        return {
            pid
            for pid, named in self._named.items()
            if (named.entity.service, named.entity.instance) in instances
        }
