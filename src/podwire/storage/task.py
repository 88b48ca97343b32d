"""
Tasks in storage.

In: creations and extensions.  Out: tasks, each merged from all its rows.
"""

from collections.abc import Sequence

from podwire.model.task import NetworkTask
from podwire.storage.engine import Engine, Row
from podwire.wire.task import extension_text, rules_of

TASKS = """
SELECT task_id, any(service_id) AS service, any(instance_id) AS instance, any(start_ms) AS start,
       max(duration_s) AS duration, max(update_ms) AS updated, max(rules)
FROM task
WHERE ({service:String} = '' OR service_id = {service:String})
  AND (empty({instances:Array(String)}) OR instance_id IN {instances:Array(String)})
  AND ({task:String} = '' OR task_id = {task:String})
GROUP BY task_id
HAVING updated > {since:Int64}
ORDER BY start DESC, task_id
"""


async def write(engine: Engine, task: NetworkTask) -> None:
    """Insert a task, or a longer duration and a newer update of one."""
    await engine.insert(
        "task",
        {
            "task_id": [task.task_id],
            "service_id": [task.service_id],
            "instance_id": [task.instance_id],
            "start_ms": [task.start_ms],
            "duration_s": [task.duration_s],
            "update_ms": [task.update_ms],
            "rules": [extension_text(task.rules)],
        },
    )


async def tasks(
    engine: Engine,
    *,
    service: str = "",
    instances: Sequence[str] = (),
    task: str = "",
    since_ms: int = -1,
) -> list[NetworkTask]:
    """Tasks, the newest first."""
    parameters = {
        "service": service,
        "instances": list(instances),
        "task": task,
        "since": since_ms,
    }
    return [_task(row) for row in await engine.query(TASKS, parameters)]


def _task(row: Row) -> NetworkTask:
    return NetworkTask(
        task_id=row[0],
        service_id=row[1],
        instance_id=row[2],
        start_ms=row[3],
        duration_s=row[4],
        update_ms=row[5],
        rules=rules_of(row[6]),
    )
