"""
What agents were told to run, and what to tell them next.

In: a running task, the agent's live processes, what it was told before.  Out: runs to begin or to
extend. Kept in storage, so that another replica and a restarted backend go on where one was.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from podwire.model.task import NetworkTask
from podwire.storage.engine import Engine

MARGIN_MS = 10_000
"""A run begins up to this much after it was handed out: programs must be loaded first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOut:
    """A task on some processes of an agent: a run, begun or extended."""

    task_id: str
    process_ids: tuple[str, ...]
    duration_s: int
    update_ms: int
    """What it was told as the task's update; an agent that took it polls for what is newer."""

    handed_ms: int


def to_tell(
    task: NetworkTask,
    live: Iterable[str],
    told: Sequence[HandOut],
    *,
    since_ms: int,
    now_ms: int,
) -> list[HandOut]:
    """
    The runs that an agent is to begin or to extend now.

    A real Rover knows a run by its processes: it extends one only when they are the same to the
    letter, and cannot find a run of which one has ended. What lives and is in no run becomes
    another run beside the first, so no process is ever in two. A run that lost a process cannot be
    extended; what is left of it is told anew when it is over.

    `told` is all this agent was told of the task, the oldest first; it has taken what is not newer
    than `since_ms`, the newest update that it has seen.
    """
    runs = [run for run in _runs(told, since_ms) if run.ends_ms >= now_ms]
    alive = set(live)
    longer = [
        run.process_ids
        for run in runs
        if run.update_ms < task.update_ms and alive.issuperset(run.process_ids)
    ]
    free = tuple(sorted(alive.difference(*(run.process_ids for run in runs))))
    update_ms = task.update_ms if task.update_ms > since_ms else now_ms
    if update_ms <= since_ms:
        return []
    return [
        HandOut(
            task_id=task.task_id,
            process_ids=process_ids,
            duration_s=task.duration_s,
            update_ms=update_ms,
            handed_ms=now_ms,
        )
        for process_ids in (*longer, free)
        if process_ids
    ]


@dataclass(frozen=True, slots=True)
class _Run:
    process_ids: tuple[str, ...]
    update_ms: int
    ends_ms: int


def _runs(told: Sequence[HandOut], since_ms: int) -> Iterable[_Run]:
    """What the agent has taken, one run for each set of processes, with its newest end."""
    began: dict[tuple[str, ...], tuple[int, HandOut]] = {}
    for each in told:
        if each.update_ms > since_ms:
            continue
        begin_ms, last = began.get(each.process_ids, (each.handed_ms, each))
        if each.handed_ms > begin_ms + last.duration_s * 1000 + MARGIN_MS:
            begin_ms = each.handed_ms
        began[each.process_ids] = (begin_ms, each)
    for process_ids, (begin_ms, last) in began.items():
        yield _Run(process_ids, last.update_ms, begin_ms + last.duration_s * 1000 + MARGIN_MS)


HANDED = """
SELECT task_id, process_ids, duration_s, update_ms, handed_ms
FROM hand_out
WHERE agent_id = {agent:String} AND task_id IN {tasks:Array(String)}
ORDER BY handed_ms
"""


async def handed(
    engine: Engine, agent_id: str, tasks: Sequence[str]
) -> Mapping[str, Sequence[HandOut]]:
    """Everything this agent was told of these tasks, by task, the oldest first."""
    found: dict[str, list[HandOut]] = defaultdict(list)
    parameters = {"agent": agent_id, "tasks": list(tasks)}
    for task_id, process_ids, *times in await engine.query(HANDED, parameters):
        duration_s, update_ms, handed_ms = times
        found[task_id].append(
            HandOut(
                task_id=task_id,
                process_ids=tuple(process_ids),
                duration_s=duration_s,
                update_ms=update_ms,
                handed_ms=handed_ms,
            )
        )
    return found


async def write(engine: Engine, agent_id: str, told: Sequence[HandOut]) -> None:
    """Keep what an agent was told."""
    if not told:
        return
    await engine.insert(
        "hand_out",
        {
            "agent_id": [agent_id] * len(told),
            "task_id": [each.task_id for each in told],
            "process_ids": [list(each.process_ids) for each in told],
            "duration_s": [each.duration_s for each in told],
            "update_ms": [each.update_ms for each in told],
            "handed_ms": [each.handed_ms for each in told],
        },
    )
