"""
ContinuousProfilingService: no policy is set here, so an agent hears of none (contract 1.8).

In: polls every 10 s.  Out: empty commands, which mean no change.
"""

import grpc

from podwire.wire.gen.skywalking import command_pb2, continuous_pb2, continuous_pb2_grpc


class ContinuousService(continuous_pb2_grpc.ContinuousProfilingServiceServicer):
    """Answers the poll; without policies there is nothing a task could be reported for."""

    async def queryPolicies(  # noqa: N802 - the wire's name
        self,
        request: continuous_pb2.ContinuousProfilingPolicyQuery,
        context: grpc.aio.ServicerContext[
            continuous_pb2.ContinuousProfilingPolicyQuery, command_pb2.Commands
        ],
    ) -> command_pb2.Commands:
        del request, context
        return command_pb2.Commands()

    async def reportProfilingTask(  # noqa: N802 - the wire's name
        self,
        request: continuous_pb2.ContinuousProfilingReport,
        context: grpc.aio.ServicerContext[
            continuous_pb2.ContinuousProfilingReport, command_pb2.Commands
        ],
    ) -> command_pb2.Commands:
        del request
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED, "podwire has no continuous profiling policies yet"
        )
        return command_pb2.Commands()
