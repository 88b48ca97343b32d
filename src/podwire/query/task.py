"""
Network-profiling tasks: create, keep, list (contract 4.1, 4.3).

In: an operator's request.  Out: a task in storage, or the reason why not, in SkyWalking's words.
"""

import hashlib
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ariadne import MutationType, QueryType

from podwire.model.identity import split_instance_id, split_service_id
from podwire.model.process import DetectType
from podwire.model.task import NetworkTask, SamplingRule, SamplingSettings
from podwire.query.context import Info, context_of, source_of

query, mutation = QueryType(), MutationType()

DURATION_S = 600
KEEP_BELOW_MS = 60_000


class Refused(ValueError):
    """The request cannot become a task; whoever asked must act."""


@mutation.field("createEBPFNetworkProfiling")
async def create(_: object, info: Info, request: Mapping[str, Any]) -> dict[str, Any]:
    context = context_of(info)
    try:
        service = await _service_of(info, request["instanceId"])
        rules = tuple(sampling_rules(request.get("samplings") or ()))
    except Refused as error:
        return {"status": False, "errorReason": str(error)}
    now_ms = context.now_ms()
    task = NetworkTask(
        task_id=task_id(service, request["instanceId"], now_ms),
        service_id=service,
        instance_id=request["instanceId"],
        start_ms=now_ms,
        duration_s=DURATION_S,
        update_ms=now_ms,
        rules=rules,
    )
    await context.source.write_task(task)
    return {"status": True, "id": task.task_id}


async def _service_of(info: Info, instance: str) -> str:
    if not instance:
        raise Refused("instance could not be empty")
    try:
        service, _ = split_instance_id(instance)
    except ValueError as error:
        raise Refused(str(error)) from error
    processes = await source_of(info).processes(instance_id=instance)
    if all(each.detect_type is DetectType.VIRTUAL for each in processes):
        raise Refused("The instance doesn't have processes.")
    return service


def task_id(service: str, instance: str, start_ms: int) -> str:
    """
    Hex SHA-256 over service id, instance id and start.

    OAP leaves the instance out, so that two tasks of one service in one millisecond collide there.
    """
    return hashlib.sha256(
        service.encode() + instance.encode() + struct.pack("<q", start_ms)
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


def _check_regex(regex: str | None, seen: set[str]) -> None:
    if (regex or "") in seen:
        which = f'"{regex}"' if regex else "default"
        raise Refused(f"already contains the {which} sampling config")
    seen.add(regex or "")
    try:
        re.compile(regex or "")
    except re.error as error:
        raise Refused(
            f'the uri regex "{regex}" is invalid at position {error.pos}: {error.msg}'
        ) from error


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
    if (targets and "NETWORK" not in targets) or triggerType == "CONTINUOUS_PROFILING":
        return []
    if not (serviceId or serviceInstanceId):
        raise Refused("please provide the service id or instance id")
    found = await source_of(info).tasks(
        service_id=serviceId or "", instance_id=serviceInstanceId or ""
    )
    return [_shape(each) for each in found]


def _shape(task: NetworkTask) -> dict[str, Any]:
    _, instance_name = split_instance_id(task.instance_id)
    return {
        "taskId": task.task_id,
        "serviceId": task.service_id,
        "serviceName": split_service_id(task.service_id)[0],
        "serviceInstanceId": task.instance_id,
        "serviceInstanceName": instance_name,
        "processLabels": [],
        "taskStartTime": task.start_ms,
        "triggerType": "FIXED_TIME",
        "fixedTriggerDuration": task.duration_s,
        "targetType": "NETWORK",
        "createTime": task.start_ms,
    }
