"""
Continuous profiling on the wire: policies out, what they triggered in (contract 1.8).

In: `model.Policy`, or the report of an agent whose policy was met.  Out: the other one.
"""

import json
from collections.abc import Iterable
from typing import Any

from podwire.model.identity import split_service_id
from podwire.model.policy import Check, Monitor, Policy
from podwire.model.task import Cause, SamplingRule, SamplingSettings, Target, Triggered
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import command_pb2, common_pb2
from podwire.wire.gen.skywalking import continuous_pb2 as pb

POLICIES = "ContinuousProfilingPolicyQuery"
STARTED = "ContinuousProfilingReportTask"

MONITORS = tuple(Monitor)
"""By the wire's ordinal."""

TARGETS = {"onCPU": Target.ON_CPU, "offCPU": Target.OFF_CPU, "network": Target.NETWORK}
EVERYTHING = SamplingSettings(require_complete_request=True, require_complete_response=True)


def policy_command(policies: Iterable[Policy]) -> command_pb2.Command:
    """The one command with every policy that an agent does not have yet."""
    text = json.dumps([_policy_json(each) for each in policies])
    pair = common_pb2.KeyStringValuePair(key="ServiceWithPolicyJSON", value=text)
    return command_pb2.Command(command=POLICIES, args=[pair])


def started_command(task_id: str) -> command_pb2.Command:
    """What a report of a started task is answered with."""
    pair = common_pb2.KeyStringValuePair(key="TaskId", value=task_id)
    return command_pb2.Command(command=STARTED, args=[pair])


def _policy_json(policy: Policy) -> dict[str, Any]:
    return {
        "ServiceName": split_service_id(policy.service_id)[0],
        "UUID": policy.uuid if policy.targets else "",
        "Profiling": {
            each.target: {check.monitor.value: _check_json(check) for check in each.checks}
            for each in policy.targets
        },
    }


def _check_json(check: Check) -> dict[str, Any]:
    written: dict[str, Any] = {
        "Threshold": check.threshold,
        "Period": check.period_s,
        "Count": check.count,
    }
    if check.uris:
        written["URIList"] = list(check.uris)
    if check.uri_regex is not None:
        written["URIRegex"] = check.uri_regex
    return written


def triggered_of(report: pb.ContinuousProfilingReport) -> Triggered:
    """
    What an agent started, on which process, and why.

    Raises `Malformed` when the report names no process, no target or a monitor that is none.
    """
    kind = report.WhichOneof("targetTask")
    names = (report.serviceName, report.instanceName, report.processName)
    if kind is None or not all(names):
        raise Malformed("a report must name a service, an instance, a process and a target task")
    return Triggered(
        target=TARGETS[kind],
        process=report.processName,
        causes=tuple(map(_cause_of, report.causes)),
    )


def _cause_of(cause: pb.ContinuousProfilingCause) -> Cause:
    if cause.type not in range(len(MONITORS)):
        raise Malformed(f"{int(cause.type)} is no monitor of continuous profiling")
    monitor = MONITORS[cause.type]
    if not cause.HasField("uri"):
        single = cause.singleValue
        return Cause(monitor=monitor, threshold=single.threshold, current=single.current)
    uri = cause.uri
    kind = uri.WhichOneof("uri")
    return Cause(
        monitor=monitor,
        threshold=uri.threshold,
        current=uri.current,
        uri_path=uri.path if kind == "path" else None,
        uri_regex=uri.regex if kind == "regex" else None,
    )


def triggered_rules(report: pb.ContinuousProfilingReport) -> tuple[SamplingRule, ...]:
    """What a triggered network task samples: everything under each of its expressions."""
    return tuple(
        SamplingRule(
            uri_regex=regex, min_duration_ms=0, when_4xx=True, when_5xx=True, settings=EVERYTHING
        )
        for regex in dict.fromkeys(report.network.samplingURIRegexes)
    )
