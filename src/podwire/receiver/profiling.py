"""
EBPFProfilingService: hands out tasks (contract 1.5, 4.2).

In: an agent's poll.  Out: one command a task, with every live process of its instance.
Network tasks send their data elsewhere: `collectProfilingData` is opened, empty, and answered.
"""

from collections.abc import AsyncIterator, Callable

import grpc

from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.wire.gen.skywalking import command_pb2, profile_pb2, profile_pb2_grpc
from podwire.wire.task import FOLLOWS_INSTANCE, task_command


class ProfilingService(profile_pb2_grpc.EBPFProfilingServiceServicer):
    """Answers polls from storage."""

    def __init__(self, sink: Sink, tally: Tally, now_ms: Callable[[], int]) -> None:
        self._sink = sink
        self._tally = tally
        self._now_ms = now_ms

    async def queryTasks(  # noqa: N802 - the wire's name
        self,
        request: profile_pb2.EBPFProfilingTaskQuery,
        context: grpc.aio.ServicerContext[profile_pb2.EBPFProfilingTaskQuery, command_pb2.Commands],
    ) -> command_pb2.Commands:
        is_ours = FOLLOWS_INSTANCE in (context.invocation_metadata() or ())
        tasks = await self._sink.tasks_of_agent(
            request.roverInstanceId,
            since_ms=request.latestUpdateTime,
            now_ms=self._now_ms(),
            follows_instance=is_ours,
        )
        self._tally.add("task_poll_total")
        return command_pb2.Commands(
            commands=[task_command(task, ids, is_ours=is_ours) for task, ids in tasks]
        )

    async def collectProfilingData(  # noqa: N802 - the wire's name
        self,
        request_iterator: AsyncIterator[profile_pb2.EBPFProfilingData],
        context: grpc.aio.ServicerContext[profile_pb2.EBPFProfilingData, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        async for _ in request_iterator:
            self._tally.add("profiling_data_refused_not_network_total")
        return command_pb2.Commands()
