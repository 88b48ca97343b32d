"""
EBPFProcessService: which processes an agent watches over (contract 1.1, 1.2).

In: reports and heartbeats.  Out: `Sink`; every process is answered, or its agent would ignore it
for good. A heartbeat that cannot be is left out alone: SkyWalking's backend fails the whole call
for one unknown layer, and with it every service of that agent.
"""

from collections.abc import Callable, Iterator

import grpc

from podwire.model.layer import is_layer
from podwire.model.process import ProcessRecord
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import command_pb2, process_pb2, process_pb2_grpc
from podwire.wire.process import ping_of, report_of

MAX_PROCESS_BYTES = 256 * 1024
"""A larger process, with all its labels and its command line, is refused."""

TOO_LARGE = f"a process takes more than {MAX_PROCESS_BYTES} bytes"


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
        records, answer = [], process_pb2.EBPFReportProcessDownstream()
        for record, downstream in self._reported(request, self._now_ms()):
            records.append(record)
            answer.processes.append(downstream)
        await self._sink.report_processes(records)
        self._tally.add("process_report_total", len(records))
        return answer

    def _reported(
        self, request: process_pb2.EBPFProcessReportList, now_ms: int
    ) -> Iterator[tuple[ProcessRecord, process_pb2.EBPFProcessDownstream]]:
        for process in request.processes:
            if process.ByteSize() > MAX_PROCESS_BYTES:
                self._tally.refuse("process_refused_size_total", TOO_LARGE)
                continue
            try:
                yield report_of(process, agent_id=request.ebpfAgentID, now_ms=now_ms)
            except Malformed as error:
                self._tally.refuse("process_refused_malformed_total", str(error))

    async def keepAlive(  # noqa: N802 - the wire's name
        self,
        request: process_pb2.EBPFProcessPingPkgList,
        context: grpc.aio.ServicerContext[process_pb2.EBPFProcessPingPkgList, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        now_ms = self._now_ms()
        records = [
            ping_of(process, agent_id=request.ebpfAgentID, now_ms=now_ms)
            for process in request.processes
            if self._is_admitted(process)
        ]
        await self._sink.keep_alive(records)
        self._tally.add("process_ping_total", len(records))
        return command_pb2.Commands()

    def _is_admitted(self, process: process_pb2.EBPFProcessPingPkg) -> bool:
        if process.ByteSize() > MAX_PROCESS_BYTES:
            self._tally.refuse("process_refused_size_total", TOO_LARGE)
            return False
        layer = process.entityMetadata.layer
        if not is_layer(layer):
            service = process.entityMetadata.serviceName
            self._tally.refuse(
                "process_refused_layer_total",
                f"the service {service!r} has the layer {layer!r}, which is none: "
                "correct its agent's rules",
            )
            return False
        return True
