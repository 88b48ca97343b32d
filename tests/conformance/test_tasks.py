"""Tasks: create, keep, hand out, list (contract 1.5, 4.1 to 4.3)."""

import json
import time
import uuid
from dataclasses import replace
from typing import Any

import pytest

from conformance.rover import Rover
from conformance.target import Target

CREATE = """mutation ($request: EBPFProfilingNetworkTaskRequest!) {
  createEBPFNetworkProfiling(request: $request) { status errorReason id }
}"""
KEEP = "mutation ($id: ID!) { keepEBPFNetworkProfiling(taskId: $id) { status errorReason } }"
LIST = """query ($service: ID, $instance: ID, $targets: [EBPFProfilingTargetType!]) {
  queryEBPFProfilingTasks(serviceId: $service, serviceInstanceId: $instance, targets: $targets) {
    taskId serviceId serviceName serviceInstanceId serviceInstanceName processLabels processId
    processName taskStartTime triggerType fixedTriggerDuration targetType createTime
    continuousProfilingCauses { message }
  }
}"""
BOTH = {"requireCompleteRequest": True, "requireCompleteResponse": True}


def create(rover: Rover, *rules: object) -> dict[str, Any]:
    """The result of asking for a task."""
    request = {"instanceId": rover.instance_id, "samplings": list(rules)}
    result: dict[str, Any] = rover.target.ask(CREATE, request=request)
    return result


def rule(**changes: object) -> dict[str, object]:
    """A default rule that samples failures."""
    return {"when4xx": False, "when5xx": True, "settings": BOTH} | changes


def created(rover: Rover, *rules: object) -> str:
    """The id of a task on the live process `web`."""
    rover.live("web")
    result = create(rover, *rules)
    assert (True, None) == (result["status"], result["errorReason"])
    return str(result["id"])


REFUSALS: list[tuple[str, list[object]]] = [
    ("already contains the default sampling config", [rule(), rule()]),
    ("already contains the default sampling config", [rule(), rule(uriRegex="")]),
    ('already contains the "/a" sampling config', [rule(uriRegex="/a"), rule(uriRegex="/a")]),
    ("the min duration must bigger or equals zero", [rule(minDuration=-1)]),
    (
        "please collect at least one of request or response",
        [rule(settings=dict.fromkeys(BOTH, False))],
    ),
    ("the max request size must bigger than zero", [rule(settings=BOTH | {"maxRequestSize": 0})]),
    (
        "the max response size must bigger than zero",
        [rule(settings=BOTH | {"maxResponseSize": -1})],
    ),
]


@pytest.mark.parametrize(("reason", "rules"), REFUSALS)
def test_a_task_is_refused_with_the_protocols_words(
    rover: Rover, reason: str, rules: list[object]
) -> None:
    """Each fault by itself."""
    rover.live("web")

    assert {"status": False, "errorReason": reason, "id": None} == create(rover, *rules)


def test_faults_are_looked_for_in_order(rover: Rover) -> None:
    """The instance, its processes, then rule by rule: each rule's name before what it says."""
    bad = [rule(minDuration=-1), rule(minDuration=-1)]
    nobody = replace(rover, instance="nobody-here")
    empty = {"instanceId": "", "samplings": bad}

    found = [rover.target.ask(CREATE, request=empty), create(nobody, *bad)]
    rover.live("web")
    found += [create(rover, *bad), create(rover, rule(), rule(minDuration=-1))]
    assert [
        "instance could not be empty",
        "The instance doesn't have processes.",
        "the min duration must bigger or equals zero",
        "already contains the default sampling config",
    ] == [each["errorReason"] for each in found]


def test_an_instance_of_peers_alone_has_no_processes(rover: Rover) -> None:
    """A virtual process cannot be measured."""
    rover.log(rover.sample())
    assert "The instance doesn't have processes." == create(rover)["errorReason"]


def test_a_task_is_listed_with_its_whole_shape(rover: Rover) -> None:
    """Ten minutes from its creation."""
    task_id = created(rover)

    (task,) = rover.target.ask(LIST, instance=rover.instance_id)
    assert abs(task["createTime"] - time.time() * 1000) < 20_000
    assert {
        "taskId": task_id, "serviceId": rover.service_id, "serviceName": rover.service,
        "serviceInstanceId": rover.instance_id, "serviceInstanceName": rover.instance,
        "processLabels": [], "processId": None, "processName": None,
        "taskStartTime": task["createTime"], "triggerType": "FIXED_TIME",
        "fixedTriggerDuration": 600, "targetType": "NETWORK", "createTime": task["createTime"],
        "continuousProfilingCauses": None,
    } == task  # fmt: skip


def test_tasks_are_listed_newest_first_by_service_instance_and_target(rover: Rover) -> None:
    """No target is every target."""
    first, second = created(rover), created(rover)

    for question, expected in (
        ({"service": rover.service_id}, [second, first]),
        ({"instance": rover.instance_id, "targets": ["NETWORK"]}, [second, first]),
        ({"service": rover.service_id, "targets": ["ON_CPU", "OFF_CPU"]}, []),
    ):
        assert expected == [each["taskId"] for each in rover.target.ask(LIST, **question)]


def test_keeping_a_young_task_changes_nothing(rover: Rover) -> None:
    """It has more than a minute left."""
    task_id = created(rover)

    assert {"status": True, "errorReason": None} == rover.target.ask(KEEP, id=task_id)
    (task,) = rover.target.ask(LIST, instance=rover.instance_id)
    assert 600 == task["fixedTriggerDuration"]


def test_keeping_what_is_not_there_is_refused(target: Target) -> None:
    """In the protocol's words."""
    refused = {"status": False, "errorReason": "profiling task not exists"}
    assert refused == target.ask(KEEP, id="nothing")


def test_a_task_is_handed_out_as_rover_reads_it(rover: Rover) -> None:
    """Every argument, all of them text."""
    task_id = created(rover)
    (task,) = rover.target.ask(LIST, instance=rover.instance_id)

    (command,) = rover.poll()
    assert "EBPFProfilingTaskQuery" == command.name
    expected = {
        "TaskId": task_id, "ProcessId": rover.process_id("web"), "TriggerType": "FIXED_TIME",
        "TargetType": "NETWORK", "TaskStartTime": str(task["taskStartTime"]),
        "TaskUpdateTime": str(task["createTime"]), "ExtensionConfigJSON": "null",
        "FixedTriggerDuration": "600",
    }  # fmt: skip
    assert expected == {key: command.arguments.get(key) for key in expected}


def test_sampling_rules_are_handed_out_without_what_is_not_set(rover: Rover) -> None:
    """4xx is what was asked for, whatever 5xx is."""
    rules = [
        rule(when4xx=True, when5xx=False, uriRegex="/a.*", minDuration=0),
        rule(settings=BOTH | {"maxRequestSize": 5, "requireCompleteResponse": False}),
    ]
    created(rover, *rules)

    (command,) = rover.poll()
    full = {"RequireCompleteRequest": True, "RequireCompleteResponse": True}
    half = {"RequireCompleteRequest": True, "RequireCompleteResponse": False, "MaxRequestSize": 5}
    assert [
        {
            "URIRegex": "/a.*", "MinDuration": 0, "When4xx": True, "When5xx": False,
            "Settings": full,
        },
        {"When4xx": False, "When5xx": True, "Settings": half},
    ] == json.loads(command.arguments["ExtensionConfigJSON"])["NetworkSamplings"]  # fmt: skip


def test_one_command_names_every_live_process_of_the_instance(rover: Rover) -> None:
    """And none of another instance."""
    rover.live("web", "worker")
    replace(rover, instance="other").live("elsewhere")
    create(rover)

    (command,) = rover.poll()
    expected = {rover.process_id("web"), rover.process_id("worker")}
    assert expected == set(command.arguments["ProcessId"].split(","))


def test_a_poll_brings_what_is_newer_than_it_has_seen(rover: Rover) -> None:
    """Nothing new: no command."""
    created(rover)
    (command,) = rover.poll()

    assert [] == rover.poll(int(command.arguments["TaskUpdateTime"]))
    assert 1 == len(rover.poll(0))


def test_another_agent_is_told_nothing(rover: Rover) -> None:
    """An instance belongs to the agent that spoke of it last, also after a restart."""
    created(rover)
    successor = replace(rover, agent=str(uuid.uuid4()))
    assert [] == successor.poll()

    successor.live("web")
    assert [1, 0] == [len(successor.poll()), len(rover.poll())]


def test_a_process_that_appears_is_a_run_beside_the_first(rover: Rover) -> None:
    """Under the same task; no process is ever in two runs of one agent."""
    task_id = created(rover)
    (first,) = rover.poll()
    rover.live("worker")

    (second,) = rover.poll(int(first.arguments["TaskUpdateTime"]))
    assert (task_id, rover.process_id("worker")) == (
        second.arguments["TaskId"], second.arguments["ProcessId"],
    )  # fmt: skip


def test_several_tasks_of_one_instance_are_all_handed_out(rover: Rover) -> None:
    """They may overlap; the agent decides."""
    ids = {created(rover), created(rover)}

    assert ids == {command.arguments["TaskId"] for command in rover.poll()}


def test_an_agent_without_tasks_gets_empty_commands(rover: Rover) -> None:
    """With processes or without."""
    assert [] == rover.poll()
    rover.live("web")
    assert [] == rover.poll()


def test_an_empty_profiling_stream_is_answered(target: Target) -> None:
    """A Rover opens one every five seconds of a network task."""
    assert b"" == target.call("EBPFProfilingService/collectProfilingData")
