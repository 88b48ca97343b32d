"""What a rule picks of a session is recorded in clear."""

import pytest

from capture.tls.conftest import Pair
from podwire.model.exchange import RecordPolicy
from podwire.model.flow import Protocol

pytestmark = pytest.mark.root
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize("size", [1, 20_000])
def test_a_picked_exchange_has_its_plaintext(pair: Pair, size: int) -> None:
    """Both messages whole, on a connection that says TLS."""
    pair.watch()
    pair.kernel.record({pair.server.pid: RecordPolicy(least_ms=0)})

    pair.drive(f"/{size}", requests=2, close=True)

    first, second = pair.kernel.exchanges()
    for each in (first, second):
        assert f"GET /{size} HTTP/1.1\r\nHost: speak\r\n\r\n".encode() == each.request.data
        assert HEAD % size + b"x" * size == each.response.data
        assert each.key.tls
        assert Protocol.HTTP1 is each.key.protocol


def test_the_calls_of_an_exchange_are_the_librarys(pair: Pair) -> None:
    """Under the wire's names for them."""
    pair.watch()
    pair.kernel.record({pair.server.pid: RecordPolicy(least_ms=0)})

    pair.drive("/1", close=True)

    (found,) = pair.kernel.exchanges()
    assert [("SslRead", True), ("SslWrite", False)] == [
        (call.name, call.is_request) for call in found.calls
    ]
