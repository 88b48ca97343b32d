"""
The tasks this agent runs, and so the processes it measures.

In: orders from polls.  Out: the set of pids to watch, now.
A task follows its instance, or its whole service: processes and pods that appear while it runs are
measured too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from podwire.agent.registry import Registry
from podwire.model.task import NetworkTask
from podwire.wire.task import Order

ASK_ALL_EVERY = 10


@dataclass(frozen=True, slots=True)
class _Run:
    order: Order
    instances: frozenset[tuple[str, str]]


class Work:
    """Orders by task id; the same id again extends a task or corrects its rules."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._runs: dict[str, _Run] = {}
        self._latest_update_ms = 0
        self._polls = 0
        self._instances = frozenset[tuple[str, str]]()

    def next_since_ms(self) -> int:
        """
        What the next poll asks after: the newest update seen, and each tenth time everything.

        A task is not handed out while its processes are away; when they come back, its update may
        be older than what this agent has seen of another one. So everything is asked for, too,
        once an instance has come that was not here before: the first of a service, for one.
        """
        self._polls += 1
        here, before = self._registry.instances, self._instances
        self._instances = here
        is_whole = self._polls % ASK_ALL_EVERY == 0 or not here <= before
        return 0 if is_whole else self._latest_update_ms

    def take(self, orders: Iterable[Order]) -> None:
        """Take over what a poll brought."""
        for order in orders:
            known = self._runs.get(order.task.task_id)
            instances = known.instances if known else frozenset[tuple[str, str]]()
            self._runs[order.task.task_id] = _Run(order, instances)
            self._latest_update_ms = max(self._latest_update_ms, order.task.update_ms)

    def pids(self, now_ms: int) -> frozenset[int]:
        """Every process that a running task wants measured; ended tasks are forgotten."""
        self._runs = {
            task_id: self._resolved(run)
            for task_id, run in self._runs.items()
            if run.order.task.end_ms > now_ms
        }
        instances = {
            instance
            for run in self._runs.values()
            if run.order.task.start_ms <= now_ms
            for instance in run.instances
        }
        return frozenset(self._registry.pids_of(instances))

    def tasks_of(self, now_ms: int) -> Mapping[int, Sequence[NetworkTask]]:
        """The running tasks that sample, by the pids they measure."""
        found: dict[int, list[NetworkTask]] = {}
        for run in self._runs.values():
            task = run.order.task
            if task.rules and task.start_ms <= now_ms < task.end_ms:
                for pid in self._registry.pids_of(set(run.instances)):
                    found.setdefault(pid, []).append(task)
        return found

    @property
    def instances(self) -> frozenset[tuple[str, str]]:
        """The (service, instance) pairs of every task that has not ended."""
        return frozenset(pair for run in self._runs.values() for pair in run.instances)

    def _resolved(self, run: _Run) -> _Run:
        found = run.instances | self._registry.instances_of(run.order.process_ids)
        if run.order.is_whole_service:
            services = {service for service, _ in found}
            found |= {each for each in self._registry.instances if each[0] in services}
        return replace(run, instances=found) if found != run.instances else run

    @property
    def task_ids(self) -> tuple[str, ...]:
        """Tasks that have not ended."""
        return tuple(self._runs)
