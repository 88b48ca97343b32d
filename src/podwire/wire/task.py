"""
Tasks on the wire: the command an agent polls for (contract 1.5).

In: `model.NetworkTask` with its process ids, or a `Command`.  Out: the other one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podwire.model.task import NetworkTask, SamplingOptions, SamplingRule, SamplingSettings
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import command_pb2, common_pb2

COMMAND = "EBPFProfilingTaskQuery"

FOLLOWS_INSTANCE = ("podwire-follows", "instance")
"""Metadata of a poll by an agent that finds the processes of a task's instance by itself."""


@dataclass(frozen=True, slots=True)
class Order:
    """A task as an agent gets it: the processes are named by id, the instance is not."""

    task: NetworkTask
    process_ids: tuple[str, ...]
    is_whole_service: bool = False
    """Whether the task is about every instance of the services that these processes are of."""


def task_command(
    task: NetworkTask, process_ids: Sequence[str], *, is_ours: bool = False
) -> command_pb2.Command:
    """The command that makes an agent run the task; only one of ours is told of our options."""
    options = task.options if is_ours else None
    whole = is_ours and not task.instance_id
    arguments = {
        "TaskId": task.task_id,
        "ProcessId": ",".join(process_ids),
        "TaskUpdateTime": str(task.update_ms),
        "TriggerType": "FIXED_TIME",
        "TargetType": "NETWORK",
        "TaskStartTime": str(task.start_ms),
        "ExtensionConfigJSON": extension_text(task.rules, options, whole=whole),
        "FixedTriggerDuration": str(task.duration_s),
    }
    pairs = [common_pb2.KeyStringValuePair(key=k, value=v) for k, v in arguments.items()]
    return command_pb2.Command(command=COMMAND, args=pairs)


def order_of(command: command_pb2.Command) -> Order | None:
    """
    The order in a command; None for a command or a kind of task that is not ours.

    Raises `Malformed` when an argument is missing or unreadable.
    """
    arguments = {pair.key: pair.value for pair in command.args}
    kind = arguments.get("TargetType"), arguments.get("TriggerType")
    if command.command != COMMAND or kind != ("NETWORK", "FIXED_TIME"):
        return None
    try:
        task = NetworkTask(
            task_id=arguments["TaskId"],
            service_id="",
            instance_id="",
            start_ms=int(arguments["TaskStartTime"]),
            duration_s=int(arguments["FixedTriggerDuration"]),
            update_ms=int(arguments["TaskUpdateTime"]),
            rules=rules_of(arguments["ExtensionConfigJSON"]),
            options=options_of(arguments["ExtensionConfigJSON"]),
        )
        whole = _ours(arguments["ExtensionConfigJSON"]).get("WholeService") is True
        return Order(task, tuple(arguments["ProcessId"].split(",")), is_whole_service=whole)
    except KeyError as error:
        raise Malformed(f"command {COMMAND} lacks the argument {error}") from error
    except ValueError as error:
        raise Malformed(f"command {COMMAND}: {error}") from error


FOREIGN = SamplingOptions(samples_per_report=10)
"""What a task of another backend means by saying nothing."""


def extension_text(
    rules: Sequence[SamplingRule], options: SamplingOptions | None = None, *, whole: bool = False
) -> str:
    """The sampling rules as JSON, absent values left out; `null` when there is nothing to say."""
    ours: dict[str, Any] = {"WholeService": True} if whole else {}
    if options and rules:
        ours |= {
            "RequireTraceContext": options.require_trace_context,
            "Redact": options.redact,
            "SamplesPerReport": options.samples_per_report,
        }
    config: dict[str, Any] = {"NetworkSamplings": list(map(_rule_json, rules))} if rules else {}
    return json.dumps(config | ({"Podwire": ours} if ours else {}) or None)


def options_of(text: str) -> SamplingOptions:
    """Our options in an `ExtensionConfigJSON`; ValueError when they have not their shape."""
    ours = _ours(text)
    try:
        return SamplingOptions(
            require_trace_context=bool(ours.get("RequireTraceContext", True)),
            redact=bool(ours.get("Redact", True)),
            samples_per_report=int(ours.get("SamplesPerReport", FOREIGN.samples_per_report)),
        )
    except (AttributeError, TypeError) as error:
        raise ValueError("ExtensionConfigJSON does not have the shape of options") from error


def _ours(text: str) -> Mapping[str, Any]:
    """What an `ExtensionConfigJSON` says to us alone; ValueError when it is not an object."""
    config = json.loads(text) or {}
    ours = config.get("Podwire") if isinstance(config, dict) else config
    if not isinstance(ours or {}, dict):
        raise ValueError("ExtensionConfigJSON does not have the shape of options")
    return ours or {}


def _rule_json(rule: SamplingRule) -> dict[str, Any]:
    settings = rule.settings
    return _without_none(
        {
            "URIRegex": rule.uri_regex,
            "MinDuration": rule.min_duration_ms,
            "When4xx": rule.when_4xx,
            "When5xx": rule.when_5xx,
            "Settings": _without_none(
                {
                    "RequireCompleteRequest": settings.require_complete_request,
                    "MaxRequestSize": settings.max_request_size,
                    "RequireCompleteResponse": settings.require_complete_response,
                    "MaxResponseSize": settings.max_response_size,
                }
            ),
        }
    )


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def rules_of(text: str) -> tuple[SamplingRule, ...]:
    """The sampling rules in an `ExtensionConfigJSON`; ValueError when it is not one."""
    config = json.loads(text) or {}
    try:
        return tuple(_rule_of(rule) for rule in config.get("NetworkSamplings") or ())
    except (AttributeError, TypeError) as error:
        raise ValueError("ExtensionConfigJSON does not have the shape of sampling rules") from error


def _rule_of(rule: Mapping[str, Any]) -> SamplingRule:
    settings = rule.get("Settings") or {}
    return SamplingRule(
        uri_regex=rule.get("URIRegex"),
        min_duration_ms=rule.get("MinDuration"),
        when_4xx=bool(rule.get("When4xx")),
        when_5xx=bool(rule.get("When5xx")),
        settings=SamplingSettings(
            require_complete_request=bool(settings.get("RequireCompleteRequest")),
            require_complete_response=bool(settings.get("RequireCompleteResponse")),
            max_request_size=settings.get("MaxRequestSize"),
            max_response_size=settings.get("MaxResponseSize"),
        ),
    )
