"""A task says the same on both sides of the wire."""

import json
from dataclasses import replace

import pytest

from podwire.model.task import NetworkTask, SamplingOptions, SamplingRule, SamplingSettings
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import command_pb2, common_pb2
from podwire.wire.task import extension_text, order_of, task_command

FULL = SamplingSettings(require_complete_request=True, require_complete_response=False)
RULE = SamplingRule(uri_regex="/api/.*", min_duration_ms=300, when_5xx=True, settings=FULL)
TASK = NetworkTask(
    task_id="t",
    service_id="",
    instance_id="",
    start_ms=1_000,
    duration_s=600,
    update_ms=2_000,
    rules=(RULE,),
)


def test_extension_has_the_keys_that_rover_reads() -> None:
    """Absent values are left out; 4xx is its own flag, not the one of 5xx."""
    expected = {
        "NetworkSamplings": [
            {
                "URIRegex": "/api/.*",
                "MinDuration": 300,
                "When4xx": False,
                "When5xx": True,
                "Settings": {"RequireCompleteRequest": True, "RequireCompleteResponse": False},
            }
        ]
    }

    assert expected == json.loads(extension_text([RULE]))


def test_our_options_are_told_to_our_agents_alone() -> None:
    """A Rover gets what an OAP would send; our agent does not mistake its silence for ours."""
    options = SamplingOptions(require_trace_context=False, redact=False, samples_per_report=7)
    task = replace(TASK, rules=(RULE,), options=options)
    ours, theirs = (order_of(task_command(task, ["p"], is_ours=flag)) for flag in (True, False))

    assert ours
    assert theirs
    assert (options, SamplingOptions(samples_per_report=10)) == (
        ours.task.options,
        theirs.task.options,
    )


def test_no_rules_are_the_word_null() -> None:
    """An empty text would be an error for Rover."""
    assert "null" == extension_text([])


def test_every_argument_that_rover_requires_is_there() -> None:
    """A missing one makes it ignore the command."""
    command = task_command(TASK, ["p1", "p2"])

    keys = {pair.key for pair in command.args}
    assert "EBPFProfilingTaskQuery" == command.command
    assert keys >= {
        "TaskId", "ProcessId", "TaskUpdateTime", "TriggerType", "TargetType", "TaskStartTime",
        "ExtensionConfigJSON", "FixedTriggerDuration",
    }  # fmt: skip


def test_a_task_survives_the_wire() -> None:
    """What the agent runs is what was asked for."""
    order = order_of(task_command(TASK, ["p1", "p2"], is_ours=True))

    assert order is not None
    assert (TASK, ("p1", "p2")) == (order.task, order.process_ids)


@pytest.mark.parametrize("rules", [(), (RULE,)])
def test_only_our_agents_hear_that_a_task_is_about_a_whole_service(
    rules: tuple[SamplingRule, ...],
) -> None:
    """With and without rules; a Rover is told of processes and of nothing else."""
    told = {
        (instance, is_ours): order_of(
            task_command(replace(TASK, instance_id=instance, rules=rules), ["p"], is_ours=is_ours)
        )
        for instance in ("", "i")
        for is_ours in (True, False)
    }

    whole = [key for key, order in told.items() if order and order.is_whole_service]
    assert [("", True)] == whole
    assert [rules] * 4 == [order.task.rules for order in told.values() if order]


@pytest.mark.parametrize("broken", ["TaskId", "TaskStartTime", "ExtensionConfigJSON"])
def test_a_missing_argument_is_malformed(broken: str) -> None:
    """The message names it."""
    command = task_command(TASK, ["p"])
    kept = [pair for pair in command.args if pair.key != broken]

    with pytest.raises(Malformed, match=broken):
        order_of(command_pb2.Command(command=command.command, args=kept))


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"NetworkSamplings": [5]}', '{"Podwire": 5}'])
def test_an_unreadable_extension_is_malformed(text: str) -> None:
    """Never an exception of another kind, whatever the text."""
    command = task_command(TASK, ["p"])
    kept = [pair for pair in command.args if pair.key != "ExtensionConfigJSON"]
    kept.append(common_pb2.KeyStringValuePair(key="ExtensionConfigJSON", value=text))

    with pytest.raises(Malformed):
        order_of(command_pb2.Command(command=command.command, args=kept))


def test_a_cpu_task_is_not_ours() -> None:
    """Other kinds of task are left to other agents."""
    pairs = [common_pb2.KeyStringValuePair(key="TargetType", value="ON_CPU")]

    assert order_of(command_pb2.Command(command="EBPFProfilingTaskQuery", args=pairs)) is None
