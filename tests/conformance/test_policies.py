"""Continuous profiling: policies and what they start (contract 1.8)."""

from typing import Any

from conformance.message import message
from conformance.rover import Command, Rover, commands

LIST = """query ($instance: ID!) {
  queryEBPFProfilingTasks(serviceInstanceId: $instance, triggerType: CONTINUOUS_PROFILING) {
    taskId targetType triggerType processId processName fixedTriggerDuration
    continuousProfilingCauses {
      type message singleValue { threshold current } uri { uriRegex uriPath threshold current }
    }
  }
}"""
NETWORK, ON_CPU = 9, 7


def query(rover: Rover, uuid: str = "") -> list[Command]:
    """A poll for the policies of one service."""
    wanted = message((1, rover.service), (2, uuid))
    return commands(
        rover.target.call("ContinuousProfilingService/queryPolicies", message((1, wanted)))
    )


def report(rover: Rover, target: int, inside: bytes, *causes: bytes) -> Command:
    """A task that the agent started by itself."""
    told = message(
        (1, rover.layer), (2, rover.service), (3, rover.instance), (4, "web"),
        *((5, each) for each in causes), (6, 600), (target, inside),
    )  # fmt: skip
    (command,) = commands(rover.target.call("ContinuousProfilingService/reportProfilingTask", told))
    return command


def listed(rover: Rover) -> list[dict[str, Any]]:
    """Its triggered tasks."""
    found: list[dict[str, Any]] = rover.target.ask(LIST, instance=rover.instance_id)
    return found


def test_without_policies_a_poll_is_answered_with_nothing(rover: Rover) -> None:
    """No change; a Rover would warn every ten seconds of an error."""
    assert [] == query(rover)
    assert b"" == rover.target.call("ContinuousProfilingService/queryPolicies", b"")


def test_a_policy_that_is_not_there_any_more_is_taken_back(rover: Rover) -> None:
    """The agent has one, the backend none."""
    (command,) = query(rover, "a-uuid-of-before")

    assert "ContinuousProfilingPolicyQuery" == command.name
    assert list(command.arguments) == ["ServiceWithPolicyJSON"]


def test_a_started_task_is_answered_with_its_id_and_listed_with_its_cause(rover: Rover) -> None:
    """Thresholds are hundredths."""
    cause = message((1, 0), (2, message((1, 80.0), (2, 93.5))))
    command = report(rover, ON_CPU, b"", cause)

    (task,) = listed(rover)
    assert ("ContinuousProfilingReportTask", {"TaskId": task["taskId"]}) == (
        command.name, command.arguments,
    )  # fmt: skip
    assert ("ON_CPU", rover.process_id("web"), "web", 600) == (
        task["targetType"], task["processId"], task["processName"], task["fixedTriggerDuration"],
    )  # fmt: skip
    (cause_shape,) = task["continuousProfilingCauses"]
    assert {"threshold": 8000, "current": 9350} == cause_shape["singleValue"]


def test_a_started_network_task_is_never_handed_out(rover: Rover) -> None:
    """The agent runs it already."""
    rover.live("web")
    cause = message((1, 3), (3, message((2, "/a"), (3, 5.0), (4, 9.0))))
    report(rover, NETWORK, message((1, "/a.*")), cause)

    assert [] == rover.poll()
    (task,) = listed(rover)
    (cause_shape,) = task["continuousProfilingCauses"]
    assert ("HTTP_ERROR_RATE", "/a") == (cause_shape["type"], cause_shape["uri"]["uriPath"])


def test_a_report_without_a_target_is_refused(rover: Rover) -> None:
    """It says nothing that could be kept."""
    told = message((2, rover.service), (3, rover.instance), (4, "web"))

    method = "ContinuousProfilingService/reportProfilingTask"
    assert "INVALID_ARGUMENT" == rover.target.refusal(method, told)
