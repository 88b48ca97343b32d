"""Continuous profiling policies: what is refused, what is read back, what they have started."""

from typing import Any

import pytest

from podwire.model.policy import Monitor
from podwire.model.process import DetectType
from podwire.model.task import Cause, NetworkTask, Target, Triggered

from .asking import INSTANCE, NOW_MS, SERVICE, Asking, stored

SET = """mutation ($request: ContinuousProfilingPolicyCreation!) {
  setContinuousProfilingPolicy(request: $request) { status errorReason }
}"""
TARGETS = """query ($id: ID!) {
  queryContinuousProfilingServiceTargets(serviceId: $id) {
    type triggeredCount lastTriggerTimestamp
    checkItems { type threshold period count uriList uriRegex }
  }
}"""
INSTANCES = """query ($id: ID!, $target: ContinuousProfilingTargetType!) {
  queryContinuousProfilingMonitoringInstances(serviceId: $id, target: $target) {
    id name triggeredCount lastTriggerTimestamp
    processes { id name detectType labels triggeredCount lastTriggerTimestamp }
  }
}"""


def check(**rest: object) -> dict[str, object]:
    """A condition that is fine but for what is said."""
    return {"type": "HTTP_ERROR_RATE", "threshold": "50", "period": 10, "count": 3} | rest


async def put(ask: Asking, *targets: dict[str, object], service: str = SERVICE) -> dict[str, Any]:
    """What comes of setting these targets."""
    request = {"serviceId": service, "targets": targets}
    found: dict[str, Any] = (await ask.data(SET, request=request))["setContinuousProfilingPolicy"]
    return found


def network(*checks: dict[str, object]) -> dict[str, object]:
    """A target with these conditions."""
    return {"targetType": "NETWORK", "checkItems": checks}


WHERE = "check HTTP_ERROR_RATE in NETWORK error: "


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        ([network(), network()], "contains multiple same target type: NETWORK"),
        (
            [network(check(), check())],
            "contains multiple same monitor type HTTP_ERROR_RATE in NETWORK",
        ),
        ([network(check(period=0))], WHERE + "period must be bigger than zero"),
        ([network(check(count=0))], WHERE + "count must be bigger than zero"),
        ([network(check(count=11))], WHERE + "count must be smaller than period"),
        ([network(check(threshold="high"))], WHERE + "parsing threshold error"),
        ([network(check(threshold="1.5"))], WHERE + "parsing threshold error"),
        ([network(check(threshold="101"))], WHERE + "the HTTP error rate should in (0-100]"),
        ([network(check(threshold="0"))], WHERE + "the HTTP error rate should in (0-100]"),
        (
            [network(check(type="PROCESS_THREAD_COUNT", threshold="-1"))],
            "check PROCESS_THREAD_COUNT in NETWORK error: "
            "the process thread count must be bigger than zero",
        ),
    ],
)
async def test_a_policy_that_cannot_be_is_refused_in_oaps_words(
    ask: Asking, targets: list[dict[str, object]], reason: str
) -> None:
    """And nothing is kept."""
    assert {"status": False, "errorReason": reason} == await put(ask, *targets)
    assert {} == ask.rows.policy


@pytest.mark.parametrize(
    ("service", "reason"),
    [("", "the service id cannot be empty"), ("cart", "not a service id: 'cart'")],
)
async def test_a_policy_is_a_services(ask: Asking, service: str, reason: str) -> None:
    """By its id."""
    assert {"status": False, "errorReason": reason} == await put(ask, service=service)


async def test_a_policy_is_read_back_as_it_was_set(ask: Asking) -> None:
    """With every field; a new one takes the place of the old."""
    item = check(uriList=["/a"], uriRegex=None)
    assert {"status": True, "errorReason": None} == await put(ask, network(check(threshold="9")))
    await put(ask, network(item), {"targetType": "ON_CPU", "checkItems": []})

    first, second = (await ask.data(TARGETS, id=SERVICE))["queryContinuousProfilingServiceTargets"]
    assert ("NETWORK", [item], 0, None) == (
        first["type"], first["checkItems"], first["triggeredCount"], first["lastTriggerTimestamp"],
    )  # fmt: skip
    assert ("ON_CPU", []) == (second["type"], second["checkItems"])
    assert [] == (await ask.data(TARGETS, id="eA==.1"))["queryContinuousProfilingServiceTargets"]


def started(process: str, start_ms: int, target: Target = Target.NETWORK) -> NetworkTask:
    """A task that an agent started by itself."""
    cause = Cause(monitor=Monitor.HTTP_ERROR_RATE, threshold=50, current=60)
    return NetworkTask(
        task_id=str(start_ms),
        service_id=SERVICE,
        instance_id=INSTANCE,
        start_ms=start_ms,
        duration_s=600,
        update_ms=start_ms,
        triggered=Triggered(target=target, process=process, causes=(cause,)),
    )


async def test_what_a_policy_started_is_counted_where_it_was_started(ask: Asking) -> None:
    """By target, by instance and by process; a task of an operator is none of it."""
    await put(ask, network(check()))
    ask.rows.known = [stored("web"), stored("db"), stored("UNKNOWN_LOCAL", DetectType.VIRTUAL)]
    ask.rows.kept = [
        started("web", NOW_MS - 5),
        started("web", NOW_MS - 9),
        started("db", NOW_MS - 1, Target.ON_CPU),
    ]

    (target,) = (await ask.data(TARGETS, id=SERVICE))["queryContinuousProfilingServiceTargets"]
    assert (2, NOW_MS - 5) == (target["triggeredCount"], target["lastTriggerTimestamp"])
    found = await ask.data(INSTANCES, id=SERVICE, target="NETWORK")
    (instance,) = found["queryContinuousProfilingMonitoringInstances"]
    assert (INSTANCE, "pod-0", 2) == (instance["id"], instance["name"], instance["triggeredCount"])
    assert [("web", 2, NOW_MS - 5), ("db", 0, None)] == [
        (each["name"], each["triggeredCount"], each["lastTriggerTimestamp"])
        for each in instance["processes"]
    ]


async def test_a_target_without_a_policy_is_watched_nowhere(ask: Asking) -> None:
    """Whatever processes there are."""
    await put(ask, network(check()))

    found = await ask.data(INSTANCES, id=SERVICE, target="OFF_CPU")
    assert [] == found["queryContinuousProfilingMonitoringInstances"]
