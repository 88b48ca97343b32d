"""
The processes of this host that the backend knows.

In: `discovery`, every scan.  Out: reports and heartbeats through the uplink; names for flows.
A new process is reported and kept alive at once, so that its service appears immediately. One
that the backend does not answer is asked for again with the next heartbeat, not with every scan.
"""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence

from podwire.agent.named import Named
from podwire.agent.uplink import Uplink
from podwire.model.process import Process

REPORT_ALL_EVERY = 10
"""Each so many heartbeats everything is reported anew instead (contract 1.3)."""


class Registry:
    """
    Pending until the backend answered with an id, then registered until the process ends.

    A process may report as several entities, each with an id of its own (contract 1.4).
    """

    def __init__(self, uplink: Uplink) -> None:
        self._uplink = uplink
        self._processes: dict[Process, None] = {}
        self._named: dict[Process, Named] = {}
        self._unanswered: set[Process] = set()
        self._beats = 0

    def names_departed(self, processes: Sequence[Process]) -> bool:
        """Whether taking over this scan would forget a registered process."""
        return not self._named.keys() <= set(processes)

    def update(self, processes: Sequence[Process]) -> None:
        """Take over what a scan found; a pid with another start time is another process."""
        self._processes = dict.fromkeys(processes)
        self._named = {
            process: named for process, named in self._named.items() if process in self._processes
        }

    async def introduce(self) -> None:
        """Report processes that have no id yet and keep them alive."""
        pending = [
            process
            for process in self._processes
            if process not in self._named and process not in self._unanswered
        ]
        if pending:
            await self._report(pending)
            answered = [process for process in pending if process in self._named]
            self._unanswered = {
                process
                for process in (*self._unanswered, *pending)
                if process in self._processes and process not in self._named
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
        registered = list(self._named)
        if not registered:
            return
        if self._beats % REPORT_ALL_EVERY == 0:
            await self._report(registered)
        else:
            await self._uplink.keep_alive(registered)

    async def _report(self, processes: Sequence[Process]) -> None:
        ids = await self._uplink.report(processes)
        for process in processes:
            if process in ids and process in self._processes:
                self._named[process] = Named(process.entity, ids[process])

    @property
    def named(self) -> Mapping[int, Named]:
        """Registered processes by pid, each as the first that it reports as."""
        return {process.pid: named for process, named in reversed(self._named.items())}

    def views(self, instances: Container[tuple[str, str]]) -> list[Mapping[int, Named]]:
        """
        What to report flows as: the first view holds every registered process once, as one of
        these instances if it is of any; more views hold what is of several.
        """
        wanted: dict[int, list[Named]] = defaultdict(list)
        for process, named in self._named.items():
            if named.of in instances and not _knows(wanted[process.pid], named):
                wanted[process.pid].append(named)
        depth = max(map(len, wanted.values()), default=0)
        further = [
            {pid: found[level] for pid, found in wanted.items() if len(found) > level}
            for level in range(1, depth)
        ]
        return [
            {**self.named, **{pid: found[0] for pid, found in wanted.items() if found}},
            *further,
        ]

    def instances_of(self, process_ids: Sequence[str]) -> set[tuple[str, str]]:
        """The (service, instance) pairs that any of these process ids belongs to."""
        wanted = set(process_ids)
        return {named.of for named in self._named.values() if named.process_id in wanted}

    @property
    def instances(self) -> frozenset[tuple[str, str]]:
        """The (service, instance) pair of every registered process."""
        return frozenset(named.of for named in self._named.values())

    def pids_of(self, instances: set[tuple[str, str]]) -> set[int]:
        """Every registered pid of these instances: workers of one name included."""
        return {process.pid for process, named in self._named.items() if named.of in instances}


def _knows(several: Sequence[Named], named: Named) -> bool:
    """Whether an entity with this id is among them: layers are no part of an id."""
    return any(each.process_id == named.process_id for each in several)
