"""
Profiling tasks: create, keep, list (contract 4.1, 4.3).

In: an operator's request.  Out: a task in storage, or the reason why not, in SkyWalking's words.
"""

import hashlib
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ariadne import MutationType, QueryType

from podwire.model.audit import Act
from podwire.model.identity import process_id, split_instance_id, split_service_id
from podwire.model.process import DetectType
from podwire.model.task import (
    NetworkTask,
    SamplingOptions,
    SamplingRule,
    SamplingSettings,
    Target,
)
from podwire.query.answer import cause
from podwire.query.answer.audit import note
from podwire.query.context import Info, context_of, source_of
from podwire.query.duration import buckets
from podwire.wire.pattern import BadPattern, compiled

query, mutation = QueryType(), MutationType()

DURATION_S = 600
KEEP_BELOW_MS = 60_000
AWAY_AFTER_MS = 45_000
"""Two heartbeats and a little: an agent that is silent for so long hears of no task."""

MOST_SAMPLES = 10_000

NO_PROCESSES = "The instance doesn't have processes."
NO_SERVICE = "The service is not known."


class Refused(ValueError):
    """The request cannot become a task; whoever asked must act."""


@mutation.field("createEBPFNetworkProfiling")
async def create(_: object, info: Info, request: Mapping[str, Any]) -> dict[str, Any]:
    context = context_of(info)
    try:
        service, instance = await _watched(info, request)
        rules = tuple(sampling_rules(request.get("samplings") or ()))
        options = sampling_options(request)
    except Refused as error:
        return {"status": False, "errorReason": str(error)}
    now_ms = context.now_ms()
    task = NetworkTask(
        task_id=task_id(service, instance, now_ms),
        service_id=service,
        instance_id=instance,
        start_ms=now_ms,
        duration_s=DURATION_S,
        update_ms=now_ms,
        rules=rules,
        options=options,
    )
    if not options.redact:
        await note(info, Act.REDACTION_OFF, task.task_id)
    await context.source.write_task(task)
    return {"status": True, "id": task.task_id}


async def _watched(info: Info, request: Mapping[str, Any]) -> tuple[str, str]:
    """The service to watch, and the instance of it; the empty text for all of them."""
    instance, service = request.get("instanceId") or "", request.get("serviceId") or ""
    if instance and service:
        raise Refused("give the instanceId or the serviceId, not both")
    if service:
        return await _whole(info, service), ""
    if not instance:
        raise Refused("instance could not be empty")
    return await _service_of(info, instance), instance


async def _whole(info: Info, service: str) -> str:
    """The service, which may have no process just now, but must be known."""
    if all(each.service_id != service for each in await source_of(info).services()):
        raise Refused(NO_SERVICE)
    return service


async def _service_of(info: Info, instance: str) -> str:
    try:
        service, _ = split_instance_id(instance)
    except ValueError as error:
        raise Refused(NO_PROCESSES) from error
    processes = await source_of(info).processes(instance_id=instance)
    if all(each.detect_type is DetectType.VIRTUAL for each in processes):
        raise Refused(NO_PROCESSES)
    return service


def task_id(service: str, instance: str, start_ms: int) -> str:
    """
    Hex SHA-256 over service id, instance id, start and a nonce.

    OAP leaves the last two out: there, two tasks of one service in one millisecond are one.
    """
    return hashlib.sha256(
        service.encode() + instance.encode() + struct.pack("<q", start_ms) + secrets.token_bytes(16)
    ).hexdigest()


def sampling_rules(inputs: Sequence[Mapping[str, Any]]) -> list[SamplingRule]:
    """The rules of a request, each checked in OAP's order. Raises `Refused`."""
    seen: set[str] = set()
    rules = []
    for rule in inputs:
        regex = rule.get("uriRegex") or None
        _check_regex(regex, seen)
        if (rule.get("minDuration") or 0) < 0:
            raise Refused("the min duration must bigger or equals zero")
        rules.append(
            SamplingRule(
                uri_regex=regex,
                min_duration_ms=rule.get("minDuration"),
                when_4xx=rule["when4xx"],
                when_5xx=rule["when5xx"],
                settings=_settings(rule["settings"]),
            )
        )
    return rules


def sampling_options(request: Mapping[str, Any]) -> SamplingOptions:
    """What of ours a request sets beside its rules. Raises `Refused`."""
    most = request.get("samplesPerReport") or SamplingOptions().samples_per_report
    if not 1 <= most <= MOST_SAMPLES:
        raise Refused(f"samplesPerReport must be between 1 and {MOST_SAMPLES}")
    return SamplingOptions(
        require_trace_context=request.get("requireTraceContext") is not False,
        redact=request.get("redact") is not False,
        samples_per_report=most,
    )


def _check_regex(regex: str | None, seen: set[str]) -> None:
    if (regex or "") in seen:
        which = f'"{regex}"' if regex else "default"
        raise Refused(f"already contains the {which} sampling config")
    seen.add(regex or "")
    try:
        compiled(regex or "")
    except BadPattern as error:
        raise Refused(f"the uri regex {error}") from error


def _settings(settings: Mapping[str, Any]) -> SamplingSettings:
    if not (settings["requireCompleteRequest"] or settings["requireCompleteResponse"]):
        raise Refused("please collect at least one of request or response")
    for what in ("Request", "Response"):
        size = settings.get(f"max{what}Size")
        if settings[f"requireComplete{what}"] and size is not None and size <= 0:
            raise Refused(f"the max {what.lower()} size must bigger than zero")
    return SamplingSettings(
        require_complete_request=settings["requireCompleteRequest"],
        require_complete_response=settings["requireCompleteResponse"],
        max_request_size=settings.get("maxRequestSize"),
        max_response_size=settings.get("maxResponseSize"),
    )


@mutation.field("keepEBPFNetworkProfiling")
async def keep(_: object, info: Info, taskId: str) -> dict[str, Any]:
    context = context_of(info)
    found = await context.source.tasks(task_id=taskId)
    if not found:
        return {"status": False, "errorReason": "profiling task not exists"}
    if found[0].target is not Target.NETWORK:
        return {"status": False, "errorReason": 'current task is not a "NETWORK" task'}
    now_ms = context.now_ms()
    left_ms = found[0].end_ms - now_ms
    if left_ms < 0:
        return {"status": False, "errorReason": "profiling task has been finished"}
    if left_ms <= KEEP_BELOW_MS:
        duration_s = found[0].duration_s + DURATION_S
        await context.source.write_task(replace(found[0], duration_s=duration_s, update_ms=now_ms))
    return {"status": True}


@query.field("queryEBPFProfilingTasks")
async def list_tasks(
    _: object,
    info: Info,
    serviceId: str | None = None,
    serviceInstanceId: str | None = None,
    targets: Sequence[str] | None = None,
    triggerType: str | None = None,
    duration: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    if not (serviceId or serviceInstanceId):
        raise Refused("please provide the service id or instance id")
    found = [
        each
        for each in await source_of(info).tasks(
            service_id=serviceId or "", instance_id=serviceInstanceId or ""
        )
        if _trigger(each) == (triggerType or "FIXED_TIME")
        and (not targets or each.target.value in targets)
        and (not duration or _ran_in(each, duration))
    ]
    return await _shapes(info, found)


def _trigger(task: NetworkTask) -> str:
    return "CONTINUOUS_PROFILING" if task.triggered else "FIXED_TIME"


def _ran_in(task: NetworkTask, duration: Mapping[str, Any]) -> bool:
    times = buckets(duration)
    return task.start_ms < times.end_s * 1000 and task.end_ms > times.starts_s[0] * 1000


async def _shapes(info: Info, tasks: Sequence[NetworkTask]) -> list[dict[str, Any]]:
    now_ms = context_of(info).now_ms()
    running = [each for each in tasks if each.end_ms > now_ms]
    heard_ms = await _last_heard(info, running)
    away = {each.task_id for each in running if heard_ms[each.task_id] < now_ms - AWAY_AFTER_MS}
    return [_shape(each) | {"isAgentAway": each.task_id in away} for each in tasks]


async def _last_heard(info: Info, tasks: Sequence[NetworkTask]) -> dict[str, int]:
    """When an agent last spoke of any instance of each task."""
    source = source_of(info)
    instances = {
        each.task_id: [each.instance_id]
        if each.instance_id
        else [found.instance_id for found in await source.instances(each.service_id)]
        for each in tasks
    }
    wanted = sorted({each for found in instances.values() for each in found})
    pings = await source.last_pings(wanted) if wanted else {}
    return {
        task: max((pings.get(each, 0) for each in found), default=0)
        for task, found in instances.items()
    }


def _shape(task: NetworkTask) -> dict[str, Any]:
    instance = split_instance_id(task.instance_id)[1] if task.instance_id else None
    shape: dict[str, Any] = {
        "taskId": task.task_id,
        "serviceId": task.service_id,
        "serviceName": split_service_id(task.service_id)[0],
        "serviceInstanceId": task.instance_id or None,
        "serviceInstanceName": instance,
        "processLabels": [],
        "taskStartTime": task.start_ms,
        "triggerType": _trigger(task),
        "fixedTriggerDuration": task.duration_s,
        "targetType": task.target.value,
        "createTime": task.start_ms,
        "redact": task.options.redact,
    }
    if task.triggered:
        shape |= {
            "processId": process_id(task.instance_id, task.triggered.process),
            "processName": task.triggered.process,
            "continuousProfilingCauses": list(map(cause.shape, task.triggered.causes)),
        }
    return shape
