"""Policies out, and what they triggered in."""

import json

import grpc
import pytest

from podwire.model.identity import instance_id, service_id
from podwire.model.policy import Check, Monitor, Policy, Target
from podwire.model.task import Cause
from podwire.wire.gen.skywalking import continuous_pb2 as pb
from podwire.wire.gen.skywalking import continuous_pb2_grpc
from receiver.serving import NOW_MS, Backend

CHECK = Check(monitor=Monitor.PROCESS_CPU, threshold="80", period_s=10, count=3)
URI_CHECK = Check(
    monitor=Monitor.HTTP_ERROR_RATE, threshold="5", period_s=60, count=2, uris=("/a",)
)
POLICY = Policy(service_id("cart"), (Target("NETWORK", (CHECK, URI_CHECK)),))


async def ask(backend: Backend, service: str, uuid: str = "") -> list[dict[str, object]]:
    """The policies that a poll is answered with."""
    query = pb.ContinuousProfilingPolicyQuery()
    query.policies.add(serviceName=service, uuid=uuid)
    async with backend.channel() as channel:
        stub = continuous_pb2_grpc.ContinuousProfilingServiceStub(channel)
        commands = (await stub.queryPolicies(query)).commands
    if not commands:
        return []
    (command,) = commands
    ((key, text),) = [(pair.key, pair.value) for pair in command.args]
    assert ("ContinuousProfilingPolicyQuery", "ServiceWithPolicyJSON") == (command.command, key)
    found: list[dict[str, object]] = json.loads(text)
    return found


async def test_a_policy_is_handed_out_as_rover_reads_it(backend: Backend) -> None:
    """What is not set is left out."""
    backend.memory.known = [POLICY]

    network = {
        "PROCESS_CPU": {"Threshold": "80", "Period": 10, "Count": 3},
        "HTTP_ERROR_RATE": {"Threshold": "5", "Period": 60, "Count": 2, "URIList": ["/a"]},
    }
    assert [
        {"ServiceName": "cart", "UUID": POLICY.uuid, "Profiling": {"NETWORK": network}}
    ] == await ask(backend, "cart")


async def test_what_an_agent_has_is_not_handed_out_again(backend: Backend) -> None:
    """Empty commands are no change; so is a service without any policy."""
    backend.memory.known = [POLICY]

    assert [] == await ask(backend, "cart", POLICY.uuid)
    assert [] == await ask(backend, "orders")


async def test_a_policy_that_was_taken_away_is_handed_out_as_nothing(backend: Backend) -> None:
    """Or its agents would follow it forever."""
    gone = [{"ServiceName": "cart", "UUID": "", "Profiling": {}}]

    assert gone == await ask(backend, "cart", POLICY.uuid)
    backend.memory.known = [Policy(POLICY.service_id, ())]
    assert gone == await ask(backend, "cart", POLICY.uuid)
    assert [] == await ask(backend, "cart")


def report(**names: str) -> pb.ContinuousProfilingReport:
    """A network task that an error rate triggered."""
    made = pb.ContinuousProfilingReport(
        layer="MESH", serviceName="cart", instanceName="pod-0", processName="web", duration=600
    )
    made.network.samplingURIRegexes.extend(["/a.*"])
    cause = made.causes.add(type=pb.HTTPErrorRate)
    cause.uri.path, cause.uri.threshold, cause.uri.current = "/a", 5, 12.5
    for name, value in names.items():
        setattr(made, name, value)
    return made


async def test_a_started_task_is_kept_with_its_cause_and_answered_with_its_id(
    backend: Backend,
) -> None:
    """The agent runs what it started under that id."""
    async with backend.channel() as channel:
        stub = continuous_pb2_grpc.ContinuousProfilingServiceStub(channel)
        (command,) = (await stub.reportProfilingTask(report())).commands

    (task,) = backend.memory.written
    assert task.triggered is not None
    assert ("ContinuousProfilingReportTask", "TaskId", task.task_id) == (
        command.command, command.args[0].key, command.args[0].value,
    )  # fmt: skip
    assert (instance_id(service_id("cart"), "pod-0"), 600, NOW_MS, "NETWORK", "web") == (
        task.instance_id, task.duration_s, task.start_ms, task.target, task.triggered.process,
    )  # fmt: skip
    assert ["/a.*"] == [rule.uri_regex for rule in task.rules]
    cause = Cause(monitor=Monitor.HTTP_ERROR_RATE, threshold=5, current=12.5, uri_path="/a")
    assert (cause,) == task.triggered.causes


@pytest.mark.parametrize("what", ["monitor", "process", "target"])
async def test_a_report_that_cannot_be_is_an_invalid_argument(backend: Backend, what: str) -> None:
    """Counted, and nothing is kept."""
    bad = report(processName="") if what == "process" else report()
    if what == "monitor":
        bad.causes[0].type = 77  # type: ignore[assignment]
    if what == "target":
        bad.ClearField("network")
    async with backend.channel() as channel:
        stub = continuous_pb2_grpc.ContinuousProfilingServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.reportProfilingTask(bad)

    assert grpc.StatusCode.INVALID_ARGUMENT is caught.value.code()
    assert 1 == backend.tally.statistics()["trigger_refused_malformed_total"]
    assert [] == backend.memory.written
