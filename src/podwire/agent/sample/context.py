"""
The trace that a request belongs to, by its headers.

In: a request's head.  Out: trace, segment and span id. The order is SkyWalking Rover's: `sw8`,
`b3`, `x-b3-*`; then W3C's `traceparent`. What is malformed is counted and is none.
"""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from podwire.agent.sample.head import Head
from podwire.model.loss import Loss

MOST_BYTES = 4096
"""A longer context is malformed."""


class Provider(StrEnum):
    """Whose ids these are; W3C ids travel as zipkin's."""

    SKYWALKING = "skywalking"
    ZIPKIN = "zipkin"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where a sampled request hangs in its trace."""

    provider: Provider
    trace_id: str
    segment_id: str
    """The sender's segment; empty but for `sw8`."""

    span_id: str


class Malformed(ValueError):
    """The header has not the form of its kind."""


def context_of(head: Head, losses: Counter[str]) -> TraceContext | None:
    r"""
    The first context that is well-formed, or None.

    >>> from podwire.agent.sample.head import read
    >>> head = read(b"GET / HTTP/1.1\r\nB3: 80f198ee56343ba8-05e3ac9a4f6e3b90-1\r\n\r\n")
    >>> found = context_of(head, Counter())
    >>> found.provider.value, found.trace_id, found.span_id
    ('zipkin', '80f198ee56343ba8', '05e3ac9a4f6e3b90')
    """
    for name, reader in READERS.items():
        value = head.first(name)
        if value is None:
            continue
        try:
            if len(value) > MOST_BYTES:
                raise Malformed
            return reader(value.decode("ascii"), head)
        except (Malformed, UnicodeDecodeError):
            losses[Loss.TRACE_CONTEXT_MALFORMED] += 1
    return None


def _sw8(value: str, head: Head) -> TraceContext:
    """Eight parts: sampled, trace, segment, span, service, instance, endpoint, address."""
    del head
    parts = value.split("-")
    if len(parts) != 8 or parts[0] not in ("0", "1") or not parts[3].isdecimal():
        raise Malformed
    try:
        texts = [base64.b64decode(part, validate=True).decode() for part in parts[1:3] + parts[4:]]
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Malformed from error
    trace_id, segment_id, *_ = texts
    if not trace_id or not segment_id:
        raise Malformed
    return TraceContext(Provider.SKYWALKING, trace_id, segment_id, parts[3])


def _b3(value: str, head: Head) -> TraceContext:
    """`trace-span`, and what follows does not matter; a lone flag is no context."""
    del head
    parts = value.split("-")
    if len(parts) < 2:
        raise Malformed
    return _zipkin(parts[0], parts[1])


def _b3_headers(value: str, head: Head) -> TraceContext:
    span = head.first(b"x-b3-spanid")
    if span is None:
        raise Malformed
    return _zipkin(value, span.decode("ascii"))


TRACE_ID = re.compile(r"[0-9a-fA-F]{16}|[0-9a-fA-F]{32}")
SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")


def _zipkin(trace_id: str, span_id: str) -> TraceContext:
    if not TRACE_ID.fullmatch(trace_id) or not SPAN_ID.fullmatch(span_id):
        raise Malformed
    return TraceContext(Provider.ZIPKIN, trace_id, "", span_id)


TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def _traceparent(value: str, head: Head) -> TraceContext:
    """W3C Trace Context 3.2: version ff and ids of zeros are invalid; 00 has nothing behind it."""
    del head
    match = TRACEPARENT.fullmatch(value)
    if match is None:
        raise Malformed
    version, trace_id, span_id, more = match.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) * int(span_id, 16):
        raise Malformed
    return TraceContext(Provider.ZIPKIN, trace_id, "", span_id)


READERS: dict[bytes, Callable[[str, Head], TraceContext]] = {
    b"sw8": _sw8,
    b"b3": _b3,
    b"x-b3-traceid": _b3_headers,
    b"traceparent": _traceparent,
}
