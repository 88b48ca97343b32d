"""Tasks over GraphQL: what is refused, kept, listed; each in SkyWalking's words."""

from dataclasses import replace

import pytest

from podwire.model.identity import process_id
from podwire.model.policy import Monitor
from podwire.model.task import Cause, NetworkTask, Target, Triggered
from podwire.query.answer.cause import message
from query.asking import INSTANCE, NOW_MS, SERVICE, Asking
from query.test_application import CREATE, KEEP, rule

LIST = """query (
  $id: ID, $trigger: EBPFProfilingTriggerType, $targets: [EBPFProfilingTargetType!]
) {
  queryEBPFProfilingTasks(serviceInstanceId: $id, triggerType: $trigger, targets: $targets) {
    taskId serviceInstanceId targetType triggerType processId processName isAgentAway
    continuousProfilingCauses {
      type message singleValue { threshold current } uri { uriRegex uriPath threshold current }
    }
  }
}"""
CAUSES = (
    Cause(monitor=Monitor.PROCESS_CPU, threshold=80, current=93.456),
    Cause(monitor=Monitor.HTTP_AVG_RESPONSE_TIME, threshold=5, current=7.5, uri_regex="/a.*"),
)


@pytest.fixture
def ask() -> Asking:
    """A client of its own."""
    return Asking()


def task(name: str, **rest: object) -> NetworkTask:
    """A task that began now."""
    made = NetworkTask(
        task_id=name,
        service_id=INSTANCE.partition("_")[0],
        instance_id=INSTANCE,
        start_ms=NOW_MS,
        duration_s=600,
        update_ms=NOW_MS,
    )
    return replace(made, **rest)  # type: ignore[arg-type]


async def test_the_first_fault_in_oaps_order_is_named(ask: Asking) -> None:
    """A default rule twice comes before its negative duration."""
    rules = [rule(), rule(minDuration=-1)]
    request = {"instanceId": INSTANCE, "samplings": rules}

    result = (await ask.data(CREATE, request=request))["createEBPFNetworkProfiling"]
    assert "already contains the default sampling config" == result["errorReason"]


async def test_an_instance_id_that_is_none_has_no_processes(ask: Asking) -> None:
    """OAP does not look what an id is made of."""
    request = {"instanceId": "nonsense", "samplings": []}

    result = (await ask.data(CREATE, request=request))["createEBPFNetworkProfiling"]
    assert "The instance doesn't have processes." == result["errorReason"]


async def test_a_task_may_be_about_a_whole_service(ask: Asking) -> None:
    """Podwire's own: no instance is named, in the list neither."""
    request = {"serviceId": SERVICE, "samplings": []}

    assert (await ask.data(CREATE, request=request))["createEBPFNetworkProfiling"]["status"]
    (kept,) = ask.rows.kept
    assert (SERVICE, "") == (kept.service_id, kept.instance_id)
    (listed,) = (await ask.data(LIST, id=INSTANCE))["queryEBPFProfilingTasks"]
    assert (kept.task_id, None, False) == (
        listed["taskId"], listed["serviceInstanceId"], listed["isAgentAway"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"samplings": []}, "instance could not be empty"),
        ({"serviceId": "c2hvcA==.1", "samplings": []}, "The service is not known."),
        (
            {"serviceId": SERVICE, "instanceId": INSTANCE},
            "give the instanceId or the serviceId, not both",
        ),
    ],
)
async def test_a_task_is_about_one_known_thing(
    ask: Asking, request_: dict[str, object], reason: str
) -> None:
    """An instance or a service that exists, and not both."""
    result = (await ask.data(CREATE, request=request_))["createEBPFNetworkProfiling"]
    assert reason == result["errorReason"]


async def test_two_tasks_in_one_millisecond_are_two(ask: Asking) -> None:
    """The clock alone does not tell them apart."""
    request = {"instanceId": INSTANCE, "samplings": []}
    ids = {
        (await ask.data(CREATE, request=request))["createEBPFNetworkProfiling"]["id"]
        for _ in range(5)
    }

    assert 5 == len(ids)
    assert {64} == {len(each) for each in ids}


async def test_a_task_of_another_kind_cannot_be_kept(ask: Asking) -> None:
    """Only network tasks are extended."""
    why = Triggered(target=Target.ON_CPU, process="web", causes=())
    ask.rows.kept = [task("cpu", triggered=why)]

    result = (await ask.data(KEEP, id="cpu"))["keepEBPFNetworkProfiling"]
    assert {"status": False, "errorReason": 'current task is not a "NETWORK" task'} == result


async def test_triggered_tasks_are_listed_apart_with_their_causes(ask: Asking) -> None:
    """Without a trigger, only what an operator asked for is listed."""
    why = Triggered(target=Target.NETWORK, process="web", causes=CAUSES)
    ask.rows.kept = [task("asked"), task("triggered", triggered=why)]

    (asked,) = (await ask.data(LIST, id=INSTANCE))["queryEBPFProfilingTasks"]
    assert ("asked", "FIXED_TIME", None, None) == (
        asked["taskId"], asked["triggerType"], asked["processId"],
        asked["continuousProfilingCauses"],
    )  # fmt: skip
    found = await ask.data(LIST, id=INSTANCE, trigger="CONTINUOUS_PROFILING")
    (triggered,) = found["queryEBPFProfilingTasks"]
    assert (process_id(INSTANCE, "web"), "web") == (
        triggered["processId"], triggered["processName"],
    )  # fmt: skip
    general, of_uri = triggered["continuousProfilingCauses"]
    assert {"threshold": 8000, "current": 9345} == general["singleValue"]
    assert {"uriRegex": "/a.*", "uriPath": None, "threshold": 500, "current": 750} == of_uri["uri"]


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (CAUSES[0], "PROCESS_CPU: current 93.46% >= threshold 80.00%"),
        (CAUSES[1], "HTTP_AVG_RESPONSE_TIME: current 7.50ms >= threshold 5.00ms on /a.*"),
        (
            Cause(monitor=Monitor.SYSTEM_LOAD, threshold=3, current=4.9),
            "SYSTEM_LOAD: current 4 >= threshold 3",
        ),
    ],
)
def test_a_cause_says_what_met_which_threshold(cause: Cause, text: str) -> None:
    """Each in the unit of its monitor."""
    assert text == message(cause)


async def test_targets_choose(ask: Asking) -> None:
    """None chooses all."""
    ask.rows.kept = [task("asked")]

    for targets, count in ((["NETWORK", "ON_CPU"], 1), (["OFF_CPU"], 0), ([], 1), (None, 1)):
        found = await ask.data(LIST, id=INSTANCE, targets=targets)
        assert count == len(found["queryEBPFProfilingTasks"])


async def test_a_task_whose_agent_is_away_is_marked(ask: Asking) -> None:
    """Silent for more than two heartbeats; once it has ended nobody waits for an agent."""
    ask.rows.kept = [task("asked")]

    async def is_away() -> bool:
        (found,) = (await ask.data(LIST, id=INSTANCE))["queryEBPFProfilingTasks"]
        return bool(found["isAgentAway"])

    assert not await is_away()
    ask.now_ms = NOW_MS + 45_001
    assert await is_away()
    ask.rows.pinged_ms = ask.now_ms
    assert not await is_away()
    ask.now_ms = NOW_MS + 600_000
    assert not await is_away()


async def test_a_service_or_an_instance_must_be_named(ask: Asking) -> None:
    """Listing all tasks of everybody is not offered."""
    body = await ask("{ queryEBPFProfilingTasks { taskId } }")

    assert "please provide the service id or instance id" == body["errors"][0]["message"]
