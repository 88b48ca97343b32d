"""
What leaves the agent of a sampled request, byte by byte; the backend is a played one.
"""

import base64
import concurrent.futures
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from agent.sample.test_sampler import GATEWAY, KEY, RULE, SPAN, TRACE
from podwire.agent.sample.policy import Policy
from podwire.agent.sample.rule import Rules
from podwire.agent.sample.sampler import Sampler
from podwire.agent.uplink import GrpcUplink
from podwire.model.exchange import Exchange, Recording
from podwire.model.task import SamplingOptions

AGENT = "8a1f8a0e-6a2e-4a2b-9c1d-0123456789ab"
SECRET = "hunter2-Sesame"
FORMS = [
    SECRET.encode(),
    *(base64.b64encode(bytes(at) + SECRET.encode())[skip:-4] for at, skip in enumerate((0, 2, 3))),
]
"""As it is, and in base64 wherever it may begin."""

ASKED = (
    f"POST /orders?token={SECRET}&b=2 HTTP/1.1\r\nb3: {TRACE}-{SPAN}\r\nHost: x\r\n"
    f"Authorization: Bearer {SECRET}\r\nCookie: a={SECRET}\r\nX-Api-Key: {SECRET}\r\n\r\n"
    f'{{"user": "tea-drinker", "password": "{SECRET}"}}'
).encode()
ANSWERED = (
    f"HTTP/1.1 500 B\r\nSet-Cookie: session={SECRET}\r\nContent-Type: application/json\r\n\r\n"
    f'{{"access_token": "{SECRET}"}}'
).encode()


@contextmanager
def keeping() -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes every message of every stream, and what it took."""
    taken: list[bytes] = []

    class Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg]
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
            def take(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
                del context
                taken.extend(requests)
                return b""

            return grpc.stream_unary_rpc_method_handler(take)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", taken
    finally:
        server.stop(None).wait()


def exchange() -> Exchange:
    """One that is full of secrets."""
    asked, answered = (Recording(data, len(data), 0, 1_000_000) for data in (ASKED, ANSWERED))
    return Exchange(KEY, 500, asked, answered)


@pytest.mark.parametrize("is_redacted", [True, False])
async def test_no_message_that_leaves_the_agent_holds_a_secret(is_redacted: bool) -> None:
    """Of headers, query and bodies; the rest leaves, and so would they without redaction."""
    policy = Policy(Rules([RULE]), SamplingOptions(redact=is_redacted))
    samples = Sampler().take(
        [exchange()], policies={7: [policy]}, named={7: GATEWAY}, near=(), now_ms=5
    )
    with keeping() as (address, taken):
        uplink = GrpcUplink(address, AGENT)
        await uplink.send_samples(samples)
        await uplink.close()
    sent = b"".join(taken)

    assert b"tea-drinker" in sent
    assert TRACE.encode() in sent
    assert any(form in sent for form in FORMS) is not is_redacted
