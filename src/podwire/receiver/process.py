"""
EBPFProcessService: which processes an agent watches over (contract 1.1, 1.2).

In: reports and heartbeats.  Out: `Sink`; every process is answered, or its agent would ignore it
for good.
"""

from collections.abc import Callable

import grpc

from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import command_pb2, process_pb2, process_pb2_grpc
from podwire.wire.process import ping_of, report_of


class ProcessService(process_pb2_grpc.EBPFProcessServiceServicer):
    """Keeps processes and answers their ids."""

    def __init__(self, sink: Sink, tally: Tally, now_ms: Callable[[], int]) -> None:
        self._sink = sink
        self._tally = tally
        self._now_ms = now_ms

    async def reportProcesses(  # noqa: N802 - the wire's name
        self,
        request: process_pb2.EBPFProcessReportList,
        context: grpc.aio.ServicerContext[
            process_pb2.EBPFProcessReportList, process_pb2.EBPFReportProcessDownstream
        ],
    ) -> process_pb2.EBPFReportProcessDownstream:
        del context
        now_ms = self._now_ms()
        records, answer = [], process_pb2.EBPFReportProcessDownstream()
        for process in request.processes:
            try:
                record, downstream = report_of(process, agent_id=request.ebpfAgentID, now_ms=now_ms)
            except Malformed:
                self._tally.add("process_refused_malformed_total")
                continue
            records.append(record)
            answer.processes.append(downstream)
        await self._sink.report_processes(records)
        self._tally.add("process_report_total", len(records))
        return answer

    async def keepAlive(  # noqa: N802 - the wire's name
        self,
        request: process_pb2.EBPFProcessPingPkgList,
        context: grpc.aio.ServicerContext[process_pb2.EBPFProcessPingPkgList, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        now_ms = self._now_ms()
        await self._sink.keep_alive(
            [
                ping_of(process, agent_id=request.ebpfAgentID, now_ms=now_ms)
                for process in request.processes
            ]
        )
        self._tally.add("process_ping_total", len(request.processes))
        return command_pb2.Commands()
