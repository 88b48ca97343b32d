"""
A line between an agent and its backend that remembers what the agent says.

In: the agent's calls, whatever they are.  Out: the backend's answers, and a recording. Metadata is
passed on and not recorded: it holds the token.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from podwire.wire.recording import Recorder

MAX_MESSAGE_BYTES = 50 * 1024 * 1024
OPTIONS = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
PASSED_ON = ("authentication", "podwire-follows")

if TYPE_CHECKING:  # generic for mypy alone
    Handler = grpc.GenericRpcHandler[bytes, bytes]
else:
    Handler = grpc.GenericRpcHandler


class CannotListen(OSError):
    """The address is taken or none; the operator must give another."""


async def run(path: Path, listen: str, to: str, *, listening: asyncio.Future[int]) -> None:
    """
    Pass on and record until cancelled; `listening` gets the port.

    Raises `CannotListen` and OSError for a file that cannot be written.
    """
    with path.open("xb") as file:
        async with grpc.aio.insecure_channel(to, options=OPTIONS) as channel:
            server = grpc.aio.server(options=[*OPTIONS, ("grpc.so_reuseport", 0)])
            server.add_generic_rpc_handlers((_Everything(channel, Recorder(file)),))
            try:
                port = server.add_insecure_port(listen)
            except RuntimeError as error:
                raise CannotListen(f"cannot listen on {listen}") from error
            await server.start()
            listening.set_result(port)
            try:
                await asyncio.Event().wait()
            finally:
                await server.stop(grace=1)


class _Everything(Handler):
    """Every method, as bytes in both directions."""

    def __init__(self, channel: grpc.aio.Channel, recorder: Recorder) -> None:
        self._channel = channel
        self._recorder = recorder

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        method = handler_call_details.method

        async def pass_on(
            requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
        ) -> AsyncIterator[bytes]:
            async for answer in self._pass_on(method, requests, context):
                yield answer

        return grpc.stream_stream_rpc_method_handler(pass_on)

    async def _pass_on(
        self, method: str, requests: AsyncIterator[bytes], context: Any
    ) -> AsyncIterator[bytes]:
        metadata = [pair for pair in context.invocation_metadata() if pair[0] in PASSED_ON]
        call = self._channel.stream_stream(method, None, None)(
            self._recorded(method, requests),
            metadata=tuple(metadata),
            timeout=context.time_remaining(),
        )
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")

    async def _recorded(self, method: str, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        number = self._recorder.open_call(_now_us(), method)
        by_agent = False
        try:
            async for request in requests:
                self._recorder.add(_now_us(), number, request)
                yield request
            by_agent = True
        finally:
            self._recorder.close_call(_now_us(), number, by_agent=by_agent)


def _now_us() -> int:
    return time.time_ns() // 1000
