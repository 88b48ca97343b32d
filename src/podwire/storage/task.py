"""
Tasks in storage.

In: creations and extensions.  Out: tasks, each merged from all its rows; who is to run them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from podwire.model.identity import owner_of
from podwire.model.policy import Monitor
from podwire.model.task import Cause, NetworkTask, Target, Triggered
from podwire.storage import hand_out, process
from podwire.storage.engine import Engine, Row
from podwire.wire.task import extension_text, options_of, rules_of

TASKS = """
SELECT task_id, any(service_id) AS service, any(instance_id) AS instance, any(start_ms) AS start,
       max(duration_s) AS duration, max(update_ms) AS updated, max(rules),
       any(target) AS looks_at, any(process), any(causes)
FROM task
WHERE ({service:String} = '' OR service_id = {service:String})
  AND ({instance:String} = '' OR instance_id = {instance:String}
       OR (instance_id = '' AND service_id = {owner:String}))
  AND ({task:String} = '' OR task_id = {task:String})
GROUP BY task_id
HAVING updated > {since:Int64} AND start + duration * 1000 > {ends_after:Int64}
ORDER BY start DESC, task_id
"""


async def write(engine: Engine, task: NetworkTask) -> None:
    """Insert a task, or a longer duration and a newer update of one."""
    triggered = task.triggered
    await engine.insert(
        "task",
        {
            "task_id": [task.task_id],
            "service_id": [task.service_id],
            "instance_id": [task.instance_id],
            "start_ms": [task.start_ms],
            "duration_s": [task.duration_s],
            "update_ms": [task.update_ms],
            "rules": [extension_text(task.rules, task.options)],
            "target": [triggered.target.value if triggered else ""],
            "process": [triggered.process if triggered else ""],
            "causes": [_causes_text(triggered.causes) if triggered else ""],
        },
    )


async def tasks(
    engine: Engine,
    *,
    service: str = "",
    instance: str = "",
    task: str = "",
    since_ms: int = -1,
    ends_after_ms: int = -1,
) -> list[NetworkTask]:
    """Tasks, the newest first; those of an instance's whole service are the instance's too."""
    parameters = {
        "service": service,
        "instance": instance,
        "owner": owner_of(instance),
        "task": task,
        "since": since_ms,
        "ends_after": ends_after_ms,
    }
    return [_task(row) for row in await engine.query(TASKS, parameters)]


async def hand_out_to(
    engine: Engine,
    agent_id: str,
    *,
    since_ms: int,
    now_ms: int,
    live_since_ms: int,
    follows_instance: bool,
) -> list[tuple[NetworkTask, Sequence[str]]]:
    """What this agent is to hear of the running tasks, with the processes it runs them on."""
    running = [each for each in await tasks(engine, ends_after_ms=now_ms) if not each.triggered]
    if not (running and agent_id):
        return []
    live = await process.live_of_agent(engine, agent_id, live_since_ms)
    mine = [(each, found) for each in running if (found := _live_of(each, live))]
    if follows_instance:
        return [
            (each, [process for processes in found for process in processes])
            for each, found in mine
            if each.update_ms > since_ms
        ]
    handed = await hand_out.handed(engine, agent_id, [each.task_id for each, _ in mine])
    told = [
        (each, run)
        for each, found in mine
        for processes in found
        for run in hand_out.to_tell(
            each, processes, handed.get(each.task_id, ()), since_ms=since_ms, now_ms=now_ms
        )
    ]
    await hand_out.write(engine, agent_id, [run for _, run in told])
    return [(replace(each, update_ms=run.update_ms), run.process_ids) for each, run in told]


def _live_of(task: NetworkTask, live: Mapping[str, Sequence[str]]) -> list[Sequence[str]]:
    """The live processes that a task is about, of each instance apart: a run is of one."""
    if task.instance_id:
        return [live[task.instance_id]] if task.instance_id in live else []
    return [live[each] for each in sorted(live) if owner_of(each) == task.service_id]


def _task(row: Row) -> NetworkTask:
    return NetworkTask(
        task_id=row[0],
        service_id=row[1],
        instance_id=row[2],
        start_ms=row[3],
        duration_s=row[4],
        update_ms=row[5],
        rules=rules_of(row[6]),
        options=options_of(row[6]),
        triggered=Triggered(target=Target(row[7]), process=row[8], causes=_causes_of(row[9]))
        if row[7]
        else None,
    )


def _causes_text(causes: Sequence[Cause]) -> str:
    return json.dumps([asdict(cause) for cause in causes])


def _causes_of(text: str) -> tuple[Cause, ...]:
    return tuple(
        Cause(**{**cause, "monitor": Monitor(cause["monitor"])}) for cause in json.loads(text)
    )
