"""
ManagementService: language agents say that they are there.

In: properties and heartbeats.  Out: `Sink`: their instances and services exist; properties are
counted and not kept.
"""

from collections.abc import Callable

import grpc

from podwire.model.layer import is_layer
from podwire.model.process import Sighting
from podwire.receiver.sink import Sink
from podwire.receiver.tally import Tally
from podwire.wire.gen.skywalking import command_pb2, management_pb2, management_pb2_grpc


class ManagementService(management_pb2_grpc.ManagementServiceServicer):
    """Notes instances."""

    def __init__(self, sink: Sink, tally: Tally, now_ms: Callable[[], int]) -> None:
        self._sink = sink
        self._tally = tally
        self._now_ms = now_ms

    async def reportInstanceProperties(  # noqa: N802 - the wire's name
        self,
        request: management_pb2.InstanceProperties,
        context: grpc.aio.ServicerContext[management_pb2.InstanceProperties, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        self._tally.add("instance_property_not_kept_total", len(request.properties))
        await self._see(request.service, request.serviceInstance, request.layer)
        return command_pb2.Commands()

    async def keepAlive(  # noqa: N802 - the wire's name
        self,
        request: management_pb2.InstancePingPkg,
        context: grpc.aio.ServicerContext[management_pb2.InstancePingPkg, command_pb2.Commands],
    ) -> command_pb2.Commands:
        del context
        await self._see(request.service, request.serviceInstance, request.layer)
        return command_pb2.Commands()

    async def _see(self, service: str, instance: str, layer: str) -> None:
        if not service or not is_layer(layer or "GENERAL"):
            self._tally.refuse(
                "instance_refused_malformed_total",
                f"an instance of the service {service!r} in the layer {layer!r} cannot be",
            )
            return
        seen_ms = self._now_ms()
        await self._sink.see(
            [
                Sighting(
                    layer=layer or "GENERAL", service=service, instance=instance, seen_ms=seen_ms
                )
            ]
        )
        self._tally.add("instance_ping_total")
