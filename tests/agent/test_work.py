"""Which tasks run, on whom, and what the agent asks for; the registry is real, its line is not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from podwire.agent.named import Named
from podwire.agent.registry import REPORT_ALL_EVERY, Registry
from podwire.agent.uplink import Unreachable
from podwire.agent.work import ASK_ALL_EVERY, Work
from podwire.model.process import DetectType, Entity, Process
from podwire.model.task import NetworkTask
from podwire.wire.task import Order


class Line:
    """The half of an uplink that a registry needs: answers all but some."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []
        self.silent: set[int] = set()
        self.prefix = "id"
        self.is_cut = False

    async def report(self, processes: Sequence[Process]) -> Mapping[Process, str]:
        if self.is_cut:
            raise Unreachable("cut")
        self.calls.append(("report", [each.pid for each in processes]))
        return {
            each: f"{self.prefix}-{each.entity.process}"
            for each in processes
            if each.pid not in self.silent
        }

    async def keep_alive(self, processes: Sequence[Process]) -> None:
        self.calls.append(("keep_alive", [each.pid for each in processes]))


def process(
    pid: int, name: str = "web", *, service: str = "shop", instance: str = "pod"
) -> Process:
    """A process, of one instance unless another is named."""
    entity = Entity(layer="MESH", service=service, instance=instance, process=name)
    return Process(pid=pid, start_ticks=1, entity=entity, detect_type=DetectType.VM)


def order(task_id: str, *process_ids: str, update_ms: int = 1, duration_s: int = 10) -> Order:
    """A task from 0 on."""
    task = NetworkTask(
        task_id=task_id,
        service_id="",
        instance_id="",
        start_ms=0,
        duration_s=duration_s,
        update_ms=update_ms,
    )
    return Order(task, process_ids)


async def known(*processes: Process) -> tuple[Line, Registry]:
    """A registry whose processes have their ids."""
    line = Line()
    registry = Registry(line)  # type: ignore[arg-type]
    registry.update(processes)
    await registry.introduce()
    line.calls.clear()
    return line, registry


async def test_a_report_comes_before_the_heartbeat_and_every_tenth_replaces_it() -> None:
    """As a Rover does; an OAP lists a service only after a heartbeat."""
    line, registry = await known(process(1), process(2))
    for _ in range(REPORT_ALL_EVERY):
        await registry.beat()

    names = [name for name, _ in line.calls]
    assert ["keep_alive"] * (REPORT_ALL_EVERY - 1) + ["report"] == names


async def test_a_process_that_is_not_answered_is_asked_for_with_the_next_heartbeat() -> None:
    """Not with every scan, and no empty heartbeat is sent for it."""
    line = Line()
    line.silent = {1}
    registry = Registry(line)  # type: ignore[arg-type]
    registry.update([process(1)])
    for _ in range(5):
        await registry.introduce()
    assert [("report", [1])] == line.calls

    line.silent = set()
    await registry.beat()
    assert [("report", [1]), ("keep_alive", [1]), ("keep_alive", [1])] == line.calls[1:]


async def test_an_id_that_changes_is_taken_over() -> None:
    """The backend may be another one since."""
    line, registry = await known(process(1))
    line.prefix = "new"
    for _ in range(REPORT_ALL_EVERY):
        await registry.beat()

    assert "new-web" == registry.named[1].process_id


async def test_two_tasks_watch_both_instances_once() -> None:
    """Of one instance or of several: the union."""
    _, registry = await known(process(1), process(2, "worker"))
    work = Work(registry)
    work.take([order("a", "id-web"), order("b", "id-worker"), order("c", "unknown")])

    assert {1, 2} == work.pids(1)


async def test_ids_that_change_while_a_task_runs_do_not_start_another() -> None:
    """The id of the task says what is the same; its processes are followed."""
    _, registry = await known(process(1))
    work = Work(registry)
    work.take([order("t", "id-web")])
    assert {1} == work.pids(1)
    registry.update([process(7, "other")])
    await registry.introduce()
    work.take([order("t", "id-other", update_ms=2, duration_s=20)])

    assert {7} == work.pids(15_000)
    assert ("t",) == work.task_ids


async def test_an_expired_task_is_not_run() -> None:
    """An OAP hands out tasks for days to an agent that has seen none."""
    _, registry = await known(process(1))
    work = Work(registry)
    work.take([order("old", "id-web")])

    assert frozenset() == work.pids(10_000)
    assert () == work.task_ids


async def test_polls_ask_after_the_newest_and_now_and_then_for_all() -> None:
    """A task that could not be handed out may be older than one that was."""
    _, registry = await known()
    work = Work(registry)
    work.take([order("t", update_ms=5)])

    assert [5] * (ASK_ALL_EVERY - 1) + [0, 5] == [
        work.next_since_ms() for _ in range(ASK_ALL_EVERY + 1)
    ]


async def test_a_task_of_a_service_is_joined_by_new_instances_of_it() -> None:
    """Before the backend says anything of them, and nobody else's instances join."""
    first = process(1)
    _, registry = await known(first)
    work = Work(registry)
    work.take([replace(order("t", "id-web"), is_whole_service=True)])
    assert {1} == work.pids(1)
    registry.update([process(2, "new", instance="pod-2"), process(3, "b", service="other")])
    await registry.introduce()

    assert {2} == work.pids(2)
    assert {("shop", "pod"), ("shop", "pod-2")} == work.instances


async def test_a_task_of_an_instance_is_joined_by_no_other() -> None:
    """Unless the backend says so."""
    _, registry = await known(process(1), process(2, "new", instance="pod-2"))
    work = Work(registry)
    work.take([order("t", "id-web")])

    assert {1} == work.pids(1)


async def test_a_new_instance_makes_the_next_poll_ask_for_everything() -> None:
    """It may be the first here of a service whose task is older than what was seen."""
    _, registry = await known(process(1))
    work = Work(registry)
    work.take([order("t", "id-web", update_ms=5)])
    assert [0, 5, 5] == [work.next_since_ms() for _ in range(3)]
    registry.update([process(2, "new", instance="pod-2")])
    await registry.introduce()

    assert [0, 5] == [work.next_since_ms() for _ in range(2)]


async def test_a_process_reports_as_each_of_its_entities() -> None:
    """A mesh's and a service's name of one pid: a task of either measures it under that name."""
    as_web = process(1)
    entity = Entity(layer="K8S_SERVICE", service="front", instance="pod", process="nginx")
    as_front = Process(pid=1, start_ticks=1, entity=entity, detect_type=DetectType.KUBERNETES)
    line = Line()
    registry = Registry(line)  # type: ignore[arg-type]
    registry.update([as_web, as_front])
    await registry.introduce()
    mesh, service = ("shop", "pod"), ("front", "pod")

    assert [["shop"]] == services(registry.views({mesh}))
    assert [["front"]] == services(registry.views({service}))
    assert [["shop"], ["front"]] == services(registry.views({mesh, service}))
    assert [["shop"]] == services(registry.views(set()))


def services(views: Sequence[Mapping[int, Named]]) -> list[list[str]]:
    """The services that each view reports as."""
    return [[named.entity.service for named in view.values()] for view in views]
