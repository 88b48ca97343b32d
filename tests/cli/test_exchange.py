"""Recorded events put together again, and their forms for other tools."""

import shlex
from typing import Any

from podwire.cli.exchange import curl, exchanges, har

REQUEST = "POST /orders?n=1 HTTP/1.1\r\nHost: shop:8080\r\nX-Note: it's\r\n\r\nname=tea"
RESPONSE = "HTTP/1.1 500 Broken\r\nContent-Type: text/plain\r\n\r\nno tea"


def event(name: str, at_ms: int, **tags: str) -> dict[str, Any]:
    """An event of one process that lasts a millisecond."""
    where = {"service_name": "shop", "service_instance_name": "pod", "process_name": "gateway"}
    return {
        "segmentId": "s",
        "spanId": "1",
        "event": name,
        "startTime": {"seconds": 1_700_000_000, "nanos": at_ms * 1_000_000},
        "endTime": {"seconds": 1_700_000_000, "nanos": (at_ms + 1) * 1_000_000},
        "tags": [{"key": key, "value": value} for key, value in (where | tags).items()] + [None],
    }


SENT = event("HTTP Request Sampling", 1, data_type="request", data_content=REQUEST)
CALL = event("Syscall Write", 1, package_size="82B")
GOT = event("HTTP Response Sampling", 9, data_type="response", data_content=RESPONSE)


def test_events_in_any_order_are_one_exchange() -> None:
    """Request, response and calls of one process, with the time from first to last byte."""
    (exchange,) = exchanges([GOT, CALL, SENT])

    assert ("POST /orders?n=1", 500, 9.0) == (
        exchange.title,
        exchange.status,
        exchange.duration_ms,
    )
    assert [("Write", "82B")] == [(c["call"], c["package_size"]) for c in exchange.calls]


def test_each_process_and_span_is_its_own() -> None:
    """The same request at the other end, and another span of the same process."""
    other = event("HTTP Request Sampling", 2, data_type="request", process_name="orders")
    again = {**SENT, "spanId": "2"}

    assert 3 == len(exchanges([SENT, other, again]))


def test_a_span_that_asks_again_has_two_exchanges() -> None:
    """As a retry has: each with its own answer."""
    later = event("HTTP Request Sampling", 20, data_type="request", data_content=REQUEST)
    answer = event("HTTP Response Sampling", 29, data_type="response", data_content=RESPONSE)

    assert [9.0, 10.0] == [each.duration_ms for each in exchanges([SENT, GOT, later, answer])]


def test_the_bytes_are_those_of_the_socket() -> None:
    """Where the text is not the same, they come beside it."""
    got = event(
        "HTTP Response Sampling", 9, data_type="response", data_raw="H4v/", data_missing="7"
    )
    (exchange,) = exchanges([SENT, got])

    assert exchange.request
    assert exchange.response
    assert (REQUEST.encode(), b"\x1f\x8b\xff", 7) == (
        exchange.request.bytes,
        exchange.response.bytes,
        exchange.response.missing,
    )


def test_what_was_not_recorded_is_said() -> None:
    """A response alone has no title and no duration, and no command line."""
    (exchange,) = exchanges([GOT])

    assert ("-", 500, None, "") == (
        exchange.title,
        exchange.status,
        exchange.duration_ms,
        curl(exchange),
    )


def test_curl_says_the_same_request() -> None:
    """Whatever is in it, a shell reads it back as it was."""
    (exchange,) = exchanges([SENT, GOT])

    assert [
        *("curl", "-X", "POST", "http://shop:8080/orders?n=1"),
        *("-H", "X-Note: it's", "--data-binary", "name=tea"),
    ] == shlex.split(curl(exchange))


def test_har_holds_both_messages() -> None:
    """With query, body, status and the time each part took."""
    (exchange,) = exchanges([SENT, GOT])
    (entry,) = har(exchange)["log"]["entries"]

    assert [{"name": "n", "value": "1"}] == entry["request"]["queryString"]
    assert "name=tea" == entry["request"]["postData"]["text"]
    assert (500, "Broken", "no tea") == (
        entry["response"]["status"],
        entry["response"]["statusText"],
        entry["response"]["content"]["text"],
    )
    assert {"send": 1.0, "wait": 7.0, "receive": 1.0} == entry["timings"]
