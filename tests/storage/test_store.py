"""
What is kept, and how it merges: the real embedded engine, one in-memory store for this file.

Expectations are sums worked out by hand and the wire's rules for process traffic.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from podwire.model.identity import entity_instance_id, instance_id, service_id
from podwire.model.metric import Partial, Relation, Side
from podwire.model.policy import Monitor
from podwire.model.process import DetectType, Entity, ProcessRecord, Sighting
from podwire.model.task import (
    Cause,
    NetworkTask,
    SamplingRule,
    SamplingSettings,
    Target,
    Triggered,
)
from podwire.storage import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")
MINUTE_S = int(time.time()) // 60 * 60 - 600  # what is older than a week would be removed
LATER_S = MINUTE_S + 60
NOW_MS = MINUTE_S * 1000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store() -> AsyncIterator[Store]:
    """A store that only this file uses; tests keep to entities of their own."""
    opened = await Store.open("chdb://memory")
    yield opened
    await opened.close()


def partial(entity: str, total: int, *, side: Side = Side.CLIENT, **rest: object) -> Partial:
    """A piece of the metric `m` in the first minute."""
    table = rest.get("table", {})
    assert isinstance(table, dict)
    minute_s = rest.get("minute_s", MINUTE_S)
    assert isinstance(minute_s, int)
    return Partial("m", entity, side, minute_s, total, 1, table)


async def test_pieces_of_a_minute_add_up_over_flushes(store: Store) -> None:
    """Totals, counts and tables are sums, whenever each piece was written."""
    for table in ({"10": 1, "20": 2}, {"20": 3}):
        await store.add([partial("adds", 5, table=table)], [])
        await store.flush()
    await store.add([partial("adds", 7, minute_s=LATER_S)], [])
    await store.flush()

    first, second = (await store.points("adds", ["m"], MINUTE_S, LATER_S))["m"]
    assert (MINUTE_S, 10, 2, {"10": 1, "20": 5}) == (
        first.minute_s, first.total, first.count, first.table,
    )  # fmt: skip
    assert (LATER_S, 7) == (second.minute_s, second.total)


async def test_the_two_sides_of_an_edge_stay_apart(store: Store) -> None:
    """Adding them would count every request twice."""
    pieces = [partial("sides", 3), partial("sides", 4, side=Side.SERVER)]
    await store.add(pieces, [])
    await store.flush()

    points = (await store.points("sides", ["m"], MINUTE_S, MINUTE_S))["m"]
    assert {Side.CLIENT: 3, Side.SERVER: 4} == {point.side: point.total for point in points}


async def test_an_absurd_report_does_not_turn_a_sum_negative(store: Store) -> None:
    """Two saturated totals in one minute still add up to something positive."""
    for _ in range(3):
        await store.add([partial("absurd", 2**63 - 1, table={"1": 2**70})], [])
        await store.flush()

    (point,) = (await store.points("absurd", ["m"], MINUTE_S, MINUTE_S))["m"]
    assert point.total > 2**55
    assert point.table["1"] > 2**55


async def test_an_edge_that_is_reported_often_is_one_edge(store: Store) -> None:
    """Both components of a pair are kept, each once."""
    http = Relation("instance", "a", "b", Side.CLIENT, 49, MINUTE_S)
    tls = Relation("instance", "a", "b", Side.CLIENT, 130, MINUTE_S)
    for _ in range(3):
        await store.add([], [http, tls, http])
        await store.flush()

    edges = await store.edges("instance", MINUTE_S, MINUTE_S)
    assert [("a", "b", 49), ("a", "b", 130)] == [(e.source, e.target, e.component) for e in edges]
    assert [] == list(await store.edges("instance", LATER_S, LATER_S + 600))


def record(name: str, ping_ms: int, **rest: object) -> ProcessRecord:
    """A process of its own instance."""
    labels = rest.pop("labels", ())
    assert isinstance(labels, tuple)
    entity = Entity(layer="MESH", service="s", instance=name, process="p", labels=labels)
    values: dict[str, object] = {"detect_type": DetectType.VM, "agent_id": "one"}
    values |= rest
    return ProcessRecord(
        process_id=f"id-{name}",
        entity=entity,
        last_ping_ms=ping_ms,
        **values,  # type: ignore[arg-type]
    )


async def test_a_heartbeat_blanks_nothing(store: Store) -> None:
    """Newer values win, empty ones never do, properties merge by key."""
    report = record("beats", NOW_MS + 1000, labels=("l",), properties=(("a", "1"), ("b", "1")))
    beat = record(
        "beats",
        NOW_MS + 2000,
        agent_id="",
        detect_type=DetectType.UNDEFINED,
        properties=(("b", "2"), ("c", "2")),
    )
    await store.report_processes([report])
    await store.keep_alive([beat])

    (found,) = await store.processes(ids=["id-beats"])
    assert ("one", DetectType.VM, ("l",)) == (
        found.agent_id, found.detect_type, found.entity.labels,
    )  # fmt: skip
    assert {"a": "1", "b": "2", "c": "2"} == found.properties
    assert (NOW_MS + 1000, NOW_MS + 2000) == (found.first_ping_ms, found.last_ping_ms)


async def test_only_a_heartbeat_makes_an_instance(store: Store) -> None:
    """As in SkyWalking: a report alone lists no service."""
    await store.report_processes([record("quiet", NOW_MS)])
    assert "quiet" not in [each.name for each in await store.instances()]

    await store.keep_alive([record("quiet", NOW_MS)])
    assert "quiet" in [each.name for each in await store.instances()]
    assert "s" in [each.name for each in await store.services()]


RULE = SamplingRule(
    uri_regex="/x",
    when_5xx=True,
    settings=SamplingSettings(require_complete_request=True, require_complete_response=False),
)


def task(instance: str, *, duration_s: int = 600, update_ms: int = NOW_MS) -> NetworkTask:
    """A task that started just now."""
    return NetworkTask(
        task_id=f"task-{instance}",
        service_id="c2VydmljZQ==.1",
        instance_id=instance,
        start_ms=NOW_MS,
        duration_s=duration_s,
        update_ms=update_ms,
        rules=(RULE,),
    )


async def test_an_extension_lasts_longer_and_keeps_its_rules(store: Store) -> None:
    """Whichever row is read first, the task is one, with its sampling rules."""
    await store.write_task(task("extended"))
    await store.write_task(task("extended", duration_s=1200, update_ms=NOW_MS + 9))

    (found,) = await store.tasks(task_id="task-extended")
    assert (1200, NOW_MS + 9, (RULE,)) == (found.duration_s, found.update_ms, found.rules)


async def handed(store: Store, task_id: str, agent: str, **asked: object) -> list[tuple[str, ...]]:
    """The process ids that a poll brings for one task."""
    since_ms, now_ms = asked.get("since_ms", 0), asked.get("now_ms", NOW_MS + 10_000)
    assert isinstance(since_ms, int)
    assert isinstance(now_ms, int)
    answer = await store.tasks_of_agent(
        agent, since_ms=since_ms, now_ms=now_ms, follows_instance=bool(asked.get("follows"))
    )
    return [tuple(ids) for found, ids in answer if found.task_id == task_id]


async def running(store: Store, name: str, *processes: str) -> str:
    """A task on an instance with these processes of its own agent."""
    beats = [replace(record(name, NOW_MS, agent_id=name), process_id=each) for each in processes]
    await store.keep_alive(beats)
    (instance,) = [each for each in await store.instances() if each.name == name]
    await store.write_task(replace(task(name), instance_id=instance.instance_id))
    return f"task-{name}"


@pytest.mark.parametrize("follows", [True, False])
async def test_a_task_goes_to_the_agent_whose_processes_live(store: Store, follows: bool) -> None:
    """Within two heartbeats, while it lasts, and not again once it has been seen."""
    name = f"lives-{follows}"
    task_id = await running(store, name, f"{name}-p")

    assert [(f"{name}-p",)] == await handed(store, task_id, name, follows=follows)
    assert [] == await handed(store, task_id, "another", follows=follows)
    assert [] == await handed(store, task_id, name, follows=follows, since_ms=NOW_MS)
    assert [] == await handed(store, task_id, name, follows=follows, now_ms=NOW_MS + 46_000)
    await store.keep_alive([record(name, NOW_MS + 600_000, agent_id=name)])
    assert [] == await handed(store, task_id, name, follows=follows, now_ms=NOW_MS + 601_000)


async def whole(store: Store, name: str, *instances: str) -> str:
    """A task of a service with these instances, each with one process of the agent `name`."""
    for instance in instances:
        await beat(store, name, instance)
    service = service_id(name)
    await store.write_task(replace(task(name), service_id=service, instance_id=""))
    return f"task-{name}"


async def beat(store: Store, name: str, instance: str) -> None:
    """A process of an instance of the service `name` lives, on the node of the agent `name`."""
    entity = Entity(layer="MESH", service=name, instance=instance, process="p")
    made = replace(record(name, NOW_MS, agent_id=name), entity=entity, process_id=f"p-{instance}")
    await store.keep_alive([made])


async def test_a_task_of_a_service_goes_to_all_its_instances(store: Store) -> None:
    """In one order to an agent that follows it, in one for each instance to a Rover."""
    task_id = await whole(store, "all-of-it", "a-1", "a-2")

    assert [("p-a-1", "p-a-2")] == await handed(store, task_id, "all-of-it", follows=True)
    assert [("p-a-1",), ("p-a-2",)] == await handed(store, task_id, "all-of-it")


async def test_a_rover_is_told_of_an_instance_that_comes_later(store: Store) -> None:
    """As a run of its own; the first one goes on as it is."""
    task_id = await whole(store, "grown", "g-1")
    await handed(store, task_id, "grown")
    await beat(store, "grown", "g-2")

    asked = {"since_ms": NOW_MS, "now_ms": NOW_MS + 9000}
    assert [("p-g-2",)] == await handed(store, task_id, "grown", **asked)


async def test_a_task_of_a_service_is_listed_with_each_instance(store: Store) -> None:
    """Of that service, and of no other one."""
    task_id = await whole(store, "listed", "l-1")
    await whole(store, "not-listed", "n-1")
    instance = instance_id(service_id("listed"), "l-1")

    assert [task_id] == [each.task_id for each in await store.tasks(instance_id=instance)]


async def test_an_agent_that_restarted_is_told_again(store: Store) -> None:
    """It has another id and remembers nothing; the old one is told nothing more."""
    task_id = await running(store, "restarts", "restarts-p")
    await handed(store, task_id, "restarts")
    await store.report_processes(
        [replace(record("restarts", NOW_MS + 1, agent_id="new"), process_id="restarts-p")]
    )

    assert [("restarts-p",)] == await handed(store, task_id, "new")
    assert [] == await handed(store, task_id, "restarts")


async def test_two_tasks_of_one_instance_are_both_told(store: Store) -> None:
    """They may overlap; whoever runs them decides how."""
    task_id = await running(store, "two", "two-p")
    (first,) = await store.tasks(task_id=task_id)
    await store.write_task(replace(first, task_id="task-two-b"))

    assert [("two-p",)] == await handed(store, task_id, "two")
    assert [("two-p",)] == await handed(store, "task-two-b", "two")


async def test_what_was_told_outlives_a_poll(store: Store) -> None:
    """The run of a Rover keeps its processes; what appears later is another run."""
    task_id = await running(store, "grows", "grows-a")
    await handed(store, task_id, "grows")
    await store.keep_alive(
        [replace(record("grows", NOW_MS, agent_id="grows"), process_id="grows-b")]
    )

    asked = {"since_ms": NOW_MS, "now_ms": NOW_MS + 9000}
    assert [("grows-b",)] == await handed(store, task_id, "grows", **asked)


async def test_a_triggered_task_keeps_its_cause_and_is_not_handed_out(store: Store) -> None:
    """An agent started it by itself."""
    task_id = await running(store, "triggered", "triggered-p")
    (kept,) = await store.tasks(task_id=task_id)
    cause = Cause(monitor=Monitor.SYSTEM_LOAD, threshold=3, current=4.5)
    why = Triggered(target=Target.ON_CPU, process="web", causes=(cause,))
    await store.write_task(replace(kept, task_id="task-by-itself", triggered=why))

    (found,) = await store.tasks(task_id="task-by-itself")
    assert why == found.triggered
    assert [] == await handed(store, "task-by-itself", "triggered")


async def test_an_instance_that_something_spoke_of_exists_in_every_layer(store: Store) -> None:
    """A language agent and an eBPF agent speak of one service."""
    for layer in ("GENERAL", "MESH", "GENERAL"):
        await store.see([Sighting(layer=layer, service="both", instance="i", seen_ms=NOW_MS)])
    await store.see([Sighting(layer="FAAS", service="both", instance="", seen_ms=NOW_MS)])

    (service,) = [each for each in await store.services() if each.name == "both"]
    assert ("FAAS", "GENERAL", "MESH") == service.layers
    assert ["i"] == [each.name for each in await store.instances(service.service_id)]


async def test_the_last_word_of_an_agent_is_known(store: Store) -> None:
    """What stands for a peer does not count as one."""
    agents = record("speaks", NOW_MS, agent_id="agent")
    await store.keep_alive([agents])
    peer = record("speaks", NOW_MS + 9, agent_id="", detect_type=DetectType.VIRTUAL)
    await store.report_processes([replace(peer, process_id="id-peer")])
    identity = entity_instance_id(agents.entity)

    assert {identity: NOW_MS} == await store.last_pings([identity, "nobody"])
