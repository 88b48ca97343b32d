"""
Which trace a request belongs to.

The contexts are those of SkyWalking's cross-process header v3, of B3, and of W3C Trace Context 3.2.
"""

from base64 import b64encode
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from podwire.agent.sample.context import context_of
from podwire.agent.sample.head import read

SW8_PARTS = ("trace", "segment", "service", "instance", "/orders", "shop:80")


def sw8(span: str = "3") -> str:
    """The header as a SkyWalking agent sends it."""
    trace, segment, *rest = (b64encode(part.encode()).decode() for part in SW8_PARTS)
    return "-".join(("1", trace, segment, span, *rest))


def found(*headers: tuple[str, str]) -> tuple[tuple[str, ...] | None, Counter[str]]:
    """What is made of a request with these headers, and what was counted."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    losses: Counter[str] = Counter()
    context = context_of(read(f"GET / HTTP/1.1\r\n{lines}\r\n".encode()), losses)
    if context is None:
        return None, losses
    ids = (context.provider.value, context.trace_id, context.segment_id, context.span_id)
    return ids, losses


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((("SW8", sw8()),), ("skywalking", "trace", "segment", "3")),
        ((("b3", f"{TRACE}-{SPAN}-1"),), ("zipkin", TRACE, "", SPAN)),
        ((("X-B3-TraceId", TRACE), ("x-b3-spanid", SPAN)), ("zipkin", TRACE, "", SPAN)),
        ((("TraceParent", f"00-{TRACE}-{SPAN}-01"),), ("zipkin", TRACE, "", SPAN)),
        ((("traceparent", f"cc-{TRACE}-{SPAN}-01-later"),), ("zipkin", TRACE, "", SPAN)),
        ((("traceparent", f"00-{TRACE}-{SPAN}-01"), ("sw8", sw8())), ("skywalking", "trace")),
    ],
)
def test_each_kind_is_read(headers: tuple[tuple[str, str], ...], expected: tuple[str, ...]) -> None:
    """Whatever the case of its name; SkyWalking's own comes first."""
    context, losses = found(*headers)

    assert context is not None
    assert expected == context[: len(expected)]
    assert not losses


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sw8", "1-a-b"),
        ("sw8", sw8(span="x")),
        ("sw8", sw8().replace("=", "!")),
        ("b3", "0"),
        ("b3", f"{TRACE}-xyz"),
        ("x-b3-traceid", TRACE),
        ("traceparent", f"00-{TRACE.upper()}-{SPAN}-01"),
        ("traceparent", f"ff-{TRACE}-{SPAN}-01"),
        ("traceparent", f"00-{TRACE}-{SPAN}-01-more"),
        ("traceparent", f"00-{'0' * 32}-{SPAN}-01"),
        ("traceparent", f"00-{TRACE}-{'0' * 16}-01"),
        ("sw8", "9" * 5000),
    ],
)
def test_what_is_malformed_is_none_and_counted(name: str, value: str) -> None:
    """And another context of the same request is taken instead."""
    assert (None, {"trace_context_malformed": 1}) == found((name, value))

    other = ("b3", f"{TRACE}-{SPAN}") if name != "b3" else ("traceparent", f"00-{TRACE}-{SPAN}-01")
    context, _ = found((name, value), other)
    assert context is not None


@given(some.binary(max_size=300))
def test_no_header_raises(value: bytes) -> None:
    """Bytes from the network are a context or none."""
    for name in (b"sw8", b"b3", b"x-b3-traceid", b"traceparent"):
        context_of(read(b"GET / HTTP/1.1\r\n" + name + b": " + value), Counter())
