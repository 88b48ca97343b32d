"""What a rule picks of a session is recorded in clear."""

from collections import Counter

import pytest

from capture.tls.conftest import Pair
from podwire.model.exchange import RecordPolicy
from podwire.model.flow import Protocol, Role

pytestmark = pytest.mark.root
EVERYTHING = RecordPolicy(least_ms=0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize("piece", [7, 1 << 20])
@pytest.mark.parametrize("size", [1, 20_000, 1_000_000])
def test_a_picked_exchange_has_its_plaintext(pair: Pair, size: int, piece: int) -> None:
    """Both messages whole at both ends, however the request is cut, on a connection of TLS."""
    pair.watch()
    pair.kernel.record(dict.fromkeys((pair.server.pid, pair.client.pid), EVERYTHING))

    pair.drive(f"/{size}", requests=2, piece=piece, close=True)

    found = pair.kernel.exchanges()
    for each in found:
        assert f"GET /{size} HTTP/1.1\r\nHost: speak\r\n\r\n".encode() == each.request.data
        assert HEAD % size + b"x" * size == each.response.data
        assert (True, Protocol.HTTP1) == (each.key.tls, each.key.protocol)
    assert {Role.CLIENT: 2, Role.SERVER: 2} == Counter(each.key.role for each in found)


def test_the_calls_of_an_exchange_are_the_librarys(pair: Pair) -> None:
    """Under the wire's names for them."""
    pair.watch()
    pair.kernel.record({pair.server.pid: EVERYTHING})

    pair.drive("/1", close=True)

    (found,) = pair.kernel.exchanges()
    assert [("SslRead", True), ("SslWrite", False)] == [
        (call.name, call.is_request) for call in found.calls
    ]
