"""
What every call passes before a service sees it: its token, its name, its bytes.

In: calls as they come.  Out: calls of services we have, from clients that may, with messages that
can be read. Whatever else comes gets the status that gRPC has for it and is counted; a traceback
a message would be a gift to whoever floods us.
"""

import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from podwire.receiver.tally import Tally

log = logging.getLogger(__name__)

if TYPE_CHECKING:  # generic for mypy alone
    Handler = grpc.RpcMethodHandler[Any, Any]
    Interceptor = grpc.aio.ServerInterceptor[Any, Any]
else:
    Handler, Interceptor = grpc.RpcMethodHandler, grpc.aio.ServerInterceptor

Details = grpc.HandlerCallDetails
Continuation = Callable[[Details], Awaitable[Handler | None]]

OPEN = ("/grpc.health.v1.Health/",)
"""What is answered without a token: a kubelet's probe has none."""

MAX_UNKNOWN = 1000


class Unknown(Interceptor):
    """Logs each method that nobody here implements, once, and counts every call of one."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._named: set[str] = set()

    async def intercept_service(self, continuation: Continuation, details: Details) -> Any:
        handler = await continuation(details)
        if handler is None:
            self._tally.add("call_refused_unimplemented_total")
            if details.method not in self._named and len(self._named) < MAX_UNKNOWN:
                self._named.add(details.method)
                log.warning("an agent called %s, which podwire does not have", details.method)
        return handler


class Token(Interceptor):
    """Refuses calls whose `authentication` metadata is not the token, when there is one."""

    def __init__(self, token: str, tally: Tally) -> None:
        self._token = token.encode()
        self._tally = tally

    async def intercept_service(self, continuation: Continuation, details: Details) -> Any:
        handler = await continuation(details)
        if handler is None or not self._token or details.method.startswith(OPEN):
            return handler
        if any(
            key == "authentication" and hmac.compare_digest(_bytes(value), self._token)
            for key, value in details.invocation_metadata or ()
        ):
            return handler
        self._tally.refuse(
            "call_refused_token_total",
            "an agent without the right token was refused: set the same token on both sides",
        )
        return _refusing(handler)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _refusing(handler: Handler) -> Handler:
    """A handler of the same kind that says UNAUTHENTICATED and reads nothing."""

    async def refuse(_: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.abort(
            grpc.StatusCode.UNAUTHENTICATED, "the authentication token is missing or wrong"
        )

    async def refuse_stream(
        request: object, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[object]:
        await refuse(request, context)
        yield None

    make: dict[tuple[bool, bool], Any] = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    kind = (bool(handler.request_streaming), bool(handler.response_streaming))
    made: Handler = make[kind](refuse_stream if kind[1] else refuse)
    return made


class Answered(Interceptor):
    """
    Ends a call with INTERNAL at the first message that cannot be read, or when we fail.

    A failure that will pass (`transient`) is UNAVAILABLE instead: the agent sends again.
    """

    def __init__(self, tally: Tally, transient: tuple[type[Exception], ...]) -> None:
        self._tally = tally
        self._transient = transient

    async def intercept_service(self, continuation: Continuation, details: Details) -> Any:
        handler = await continuation(details)
        if handler is None or handler.response_streaming:
            return handler
        read = handler.request_deserializer and _reading(handler.request_deserializer)
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(
                self._guarded(details.method, handler.stream_unary, _checked),
                read,
                handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(
            self._guarded(details.method, handler.unary_unary, _readable),
            read,
            handler.response_serializer,
        )

    def _guarded(self, method: str, behavior: Any, check: Callable[[Any], Any]) -> Any:
        async def call(request: Any, context: Any) -> Any:
            try:
                return await behavior(check(request), context)
            except grpc.aio.AbortError:
                raise
            except Unreadable as error:
                self._tally.refuse(
                    "message_refused_malformed_total", f"{method}: a message could not be read"
                )
                await context.abort(grpc.StatusCode.INTERNAL, str(error))
            except self._transient as error:
                self._tally.refuse("call_failed_transient_total", f"{method}: {error}")
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the backend cannot keep it now")
            except Exception as error:  # noqa: BLE001 - our own fault, said to both sides
                self._tally.refuse("call_failed_total", f"{method} failed", fault=error)
                await context.abort(grpc.StatusCode.INTERNAL, "the backend failed")

        return call


class Unreadable(ValueError):
    """The bytes of a message are not one; raised where a service would read it."""


def _readable(request: Any) -> Any:
    if isinstance(request, Unreadable):
        raise request
    return request


async def _checked(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _readable(request)


def _reading(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError as error:
            return Unreadable(str(error))

    return read
