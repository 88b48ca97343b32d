"""
ContinuousProfilingService: policies out, started tasks in (contract 1.8).

In: polls every ten seconds, and reports of agents whose policy was met.  Out: what an agent does
not have yet, or no command at all; a task that says what was started and why.
"""

import hashlib
import secrets
from collections.abc import Callable

import grpc

from podwire.model.identity import instance_id, service_id
from podwire.model.policy import Policy
from podwire.model.task import NetworkTask
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import command_pb2, continuous_pb2, continuous_pb2_grpc
from podwire.wire.policy import policy_command, started_command, triggered_of, triggered_rules


class ContinuousService(continuous_pb2_grpc.ContinuousProfilingServiceServicer):
    """Answers from storage, and keeps what was started."""

    def __init__(self, sink: Sink, tally: Tally, now_ms: Callable[[], int]) -> None:
        self._sink = sink
        self._tally = tally
        self._now_ms = now_ms

    async def queryPolicies(  # noqa: N802 - the wire's name
        self,
        request: continuous_pb2.ContinuousProfilingPolicyQuery,
        context: grpc.aio.ServicerContext[
            continuous_pb2.ContinuousProfilingPolicyQuery, command_pb2.Commands
        ],
    ) -> command_pb2.Commands:
        del context
        known = {service_id(each.serviceName): each.uuid for each in request.policies}
        found = {each.service_id: each for each in await self._sink.policies(list(known))}
        self._tally.add("policy_poll_total")
        changed = [
            policy
            for identity, uuid in known.items()
            if (policy := _change(found.get(identity) or Policy(identity, ()), uuid))
        ]
        return command_pb2.Commands(commands=[policy_command(changed)] if changed else [])

    async def reportProfilingTask(  # noqa: N802 - the wire's name
        self,
        request: continuous_pb2.ContinuousProfilingReport,
        context: grpc.aio.ServicerContext[
            continuous_pb2.ContinuousProfilingReport, command_pb2.Commands
        ],
    ) -> command_pb2.Commands:
        try:
            task = _task(request, self._now_ms())
        except Malformed as error:
            self._tally.refuse("trigger_refused_malformed_total", str(error))
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        await self._sink.write_task(task)
        self._tally.add("trigger_total")
        return command_pb2.Commands(commands=[started_command(task.task_id)])


def _change(policy: Policy, uuid: str) -> Policy | None:
    """The policy when the agent's is another one; an agent without any has a blank one."""
    return policy if uuid != (policy.uuid if policy.targets else "") else None


def _task(report: continuous_pb2.ContinuousProfilingReport, now_ms: int) -> NetworkTask:
    triggered = triggered_of(report)
    service = service_id(report.serviceName)
    instance = instance_id(service, report.instanceName)
    return NetworkTask(
        task_id=hashlib.sha256(instance.encode() + secrets.token_bytes(16)).hexdigest(),
        service_id=service,
        instance_id=instance,
        start_ms=now_ms,
        duration_s=max(0, report.duration),
        update_ms=now_ms,
        rules=triggered_rules(report),
        triggered=triggered,
    )
