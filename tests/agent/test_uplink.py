"""What the agent makes of a backend's answers; the backend is a played one on a real channel."""

import concurrent.futures
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from conformance.strict import Strict, strict_backend
from podwire.agent.uplink import GrpcUplink, Rejected, Unreachable
from podwire.model.meter import Collection, Single

AGENT = "8a1f8a0e-6a2e-4a2b-9c1d-0123456789ab"
COLLECTION = Collection("s", "i", 1, (Single("m", (), 1.0),))


@contextmanager
def answering(status: grpc.StatusCode) -> Iterator[str]:
    """The address of a server that ends every call with this."""

    class Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg]
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
            def end(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
                context.abort(status, "because")
                raise AssertionError

            return grpc.stream_unary_rpc_method_handler(end)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
async def line() -> AsyncIterator[tuple[GrpcUplink, Strict]]:
    """An uplink to the strict backend."""
    with strict_backend() as (address, strict):
        uplink = GrpcUplink(address, AGENT, token="secret")
        yield uplink, strict
        await uplink.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, Unreachable),
        (grpc.StatusCode.UNAUTHENTICATED, Unreachable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Unreachable),
        (grpc.StatusCode.INVALID_ARGUMENT, Rejected),
        (grpc.StatusCode.INTERNAL, Rejected),
        (grpc.StatusCode.UNKNOWN, Rejected),
    ],
)
async def test_a_status_says_whether_to_send_again(
    status: grpc.StatusCode, kind: type[Exception]
) -> None:
    """What a backend took and refused is not sent forever; what did not reach it is."""
    with answering(status) as address:
        uplink = GrpcUplink(address, AGENT)
        with pytest.raises(Unreachable, match=f"{status.name}: because") as caught:
            await uplink.send([COLLECTION])
        await uplink.close()

    assert kind is type(caught.value)


async def test_nothing_to_send_opens_no_stream(line: tuple[GrpcUplink, Strict]) -> None:
    """A backend would hear an empty one every two seconds."""
    uplink, strict = line
    await uplink.send([])

    assert [] == strict.calls


async def test_an_order_that_cannot_be_read_is_named_once(
    line: tuple[GrpcUplink, Strict], caplog: pytest.LogCaptureFixture
) -> None:
    """The others of the same poll are run."""
    uplink, strict = line
    good = {
        "TaskId": "good", "ProcessId": "p", "TaskUpdateTime": "5", "TriggerType": "FIXED_TIME",
        "TargetType": "NETWORK", "TaskStartTime": "1", "ExtensionConfigJSON": "null",
        "FixedTriggerDuration": "600",
    }  # fmt: skip
    strict.tasks = [good | {"ExtensionConfigJSON": ""}, good | {"TargetType": "ON_CPU"}, good]

    with caplog.at_level(logging.WARNING, logger="podwire"):
        polls = [await uplink.poll(0) for _ in range(3)]
    assert [["good"]] * 3 == [[order.task.task_id for order in found] for found in polls]
    assert 1 == len(caplog.records)
