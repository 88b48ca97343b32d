"""
Continuous profiling policies: set and read (contract 1.8).

In: an operator's request.  Out: a policy in storage, or the reason why not, in SkyWalking's words.
Processes are counted as monitored when they live; what a policy started is counted from its tasks.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ariadne import MutationType, QueryType

from podwire.model.identity import instance_id, split_service_id
from podwire.model.policy import Check, Monitor, Policy, Target
from podwire.model.process import DetectType
from podwire.model.task import NetworkTask
from podwire.model.topology import StoredProcess
from podwire.query.context import Info, context_of, source_of
from podwire.query.source import Source

query, mutation = QueryType(), MutationType()

Input = Mapping[str, Any]

LIVE_MS = 600_000
"""A process counts as monitored when it was heard of within ten minutes."""

LIMITS = {
    Monitor.PROCESS_CPU: (100, "the process CPU percent should in (0-100]"),
    Monitor.PROCESS_THREAD_COUNT: (2**31, "the process thread count must be bigger than zero"),
    Monitor.SYSTEM_LOAD: (2**31, "the system load must be bigger than zero"),
    Monitor.HTTP_ERROR_RATE: (100, "the HTTP error rate should in (0-100]"),
    Monitor.HTTP_AVG_RESPONSE_TIME: (
        2**31,
        "the HTTP average response time must be bigger than zero",
    ),
}


class Refused(ValueError):
    """The request cannot become a policy; whoever asked must act."""


@mutation.field("setContinuousProfilingPolicy")
async def set_policy(_: object, info: Info, request: Input) -> dict[str, Any]:
    context = context_of(info)
    try:
        policy = _policy(request)
    except Refused as error:
        return {"status": False, "errorReason": str(error)}
    await context.source.write_policy(policy, context.now_ms())
    return {"status": True}


def _policy(request: Input) -> Policy:
    service = request["serviceId"]
    if not service:
        raise Refused("the service id cannot be empty")
    try:
        split_service_id(service)
    except ValueError as error:
        raise Refused(str(error)) from error
    names = [each["targetType"] for each in request["targets"]]
    for name in names:
        if names.count(name) > 1:
            raise Refused(f"contains multiple same target type: {name}")
    return Policy(service, tuple(_target(each) for each in request["targets"]))


def _target(written: Input) -> Target:
    target = written["targetType"]
    monitors = [each["type"] for each in written["checkItems"]]
    for monitor in monitors:
        if monitors.count(monitor) > 1:
            raise Refused(f"contains multiple same monitor type {monitor} in {target}")
    return Target(target, tuple(_check(each, target) for each in written["checkItems"]))


def _check(written: Input, target: str) -> Check:
    monitor = Monitor(written["type"])
    complaint = _window_complaint(written) or _threshold_complaint(monitor, written["threshold"])
    if complaint:
        raise Refused(f"check {monitor} in {target} error: {complaint}")
    return Check(
        monitor=monitor,
        threshold=written["threshold"],
        period_s=written["period"],
        count=written["count"],
        uris=tuple(written.get("uriList") or ()),
        uri_regex=written.get("uriRegex"),
    )


def _window_complaint(written: Input) -> str | None:
    if written["period"] <= 0:
        return "period must be bigger than zero"
    if written["count"] <= 0:
        return "count must be bigger than zero"
    if written["count"] > written["period"]:
        return "count must be smaller than period"
    return None


def _threshold_complaint(monitor: Monitor, text: str) -> str | None:
    most, complaint = LIMITS[monitor]
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 10:
        return "parsing threshold error"
    return None if 0 < int(text) <= most else complaint


# Reading them, and what they have started.


@query.field("queryContinuousProfilingServiceTargets")
async def service_targets(_: object, info: Info, serviceId: str) -> list[dict[str, Any]]:
    source = source_of(info)
    found, started = await source.policies([serviceId]), await _started(source, serviceId)
    return [_target_shape(target, started) for policy in found for target in policy.targets]


async def _started(source: Source, service: str) -> list[NetworkTask]:
    """The tasks that agents started by themselves."""
    return [each for each in await source.tasks(service_id=service) if each.triggered]


def _counted(tasks: Sequence[NetworkTask]) -> dict[str, Any]:
    last_ms = max((each.start_ms for each in tasks), default=None)
    return {"triggeredCount": len(tasks), "lastTriggerTimestamp": last_ms}


def _target_shape(target: Target, started: Sequence[NetworkTask]) -> dict[str, Any]:
    items = [
        {
            "type": check.monitor.value,
            "threshold": check.threshold,
            "period": check.period_s,
            "count": check.count,
            "uriList": list(check.uris),
            "uriRegex": check.uri_regex,
        }
        for check in target.checks
    ]
    mine = [each for each in started if each.target.value == target.target]
    return {"type": target.target, "checkItems": items, **_counted(mine)}


@query.field("queryContinuousProfilingMonitoringInstances")
async def monitoring_instances(
    _: object, info: Info, serviceId: str, target: str
) -> list[dict[str, Any]]:
    context = context_of(info)
    policies = await context.source.policies([serviceId])
    if not any(each.target == target for policy in policies for each in policy.targets):
        return []
    since_ms = context.now_ms() - LIVE_MS
    processes = await context.source.processes(service_id=serviceId, since_ms=since_ms)
    by_instance: dict[str, list[StoredProcess]] = {}
    for process in processes:
        if process.detect_type is not DetectType.VIRTUAL:
            by_instance.setdefault(process.entity.instance, []).append(process)
    started = [
        each for each in await _started(context.source, serviceId) if each.target.value == target
    ]
    return [
        _instance_shape(instance_id(serviceId, name), name, found, started)
        for name, found in sorted(by_instance.items())
    ]


def _instance_shape(
    identity: str, name: str, processes: Sequence[StoredProcess], started: Sequence[NetworkTask]
) -> dict[str, Any]:
    mine = [each for each in started if each.instance_id == identity]
    return {
        "id": identity,
        "name": name,
        "attributes": [],
        "processes": [_process_shape(each, mine) for each in processes],
        **_counted(mine),
    }


def _process_shape(process: StoredProcess, started: Sequence[NetworkTask]) -> dict[str, Any]:
    name = process.entity.process
    mine = [each for each in started if each.triggered and each.triggered.process == name]
    return {
        "id": process.process_id,
        "name": name,
        "detectType": process.detect_type.name,
        "labels": process.entity.labels,
        **_counted(mine),
    }
