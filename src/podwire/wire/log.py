"""
Sampled requests on the wire: a log with a JSON body (contract 2.6).

In: `LogData` from any agent.  Out: what it says of one request, its ends as they were named.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podwire.model.component import Component
from podwire.model.metric import Side
from podwire.model.record import SampledKind
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import logging_pb2 as pb

MARK = ("LOG_KIND", "NET_PROFILING_SAMPLED_TRACE")

REASONS = {
    "slow": SampledKind.SLOW,
    "status_4xx": SampledKind.STATUS_4XX,
    "status_5xx": SampledKind.STATUS_5XX,
}
LATENCY_LIMIT_MS = 2**40


@dataclass(frozen=True, slots=True)
class End:
    """One end of a request: a process id, or else this host, or else an address."""

    process_id: str
    is_local: bool
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sampled request as its agent tells it."""

    kind: SampledKind
    service: str
    instance: str
    timestamp_ms: int
    trace_id: str
    latency_ms: int
    client: End
    server: End
    side: Side
    """Who saw it; an agent that does not know is the client, as in its meters."""

    component: Component
    words: Mapping[str, str]
    """What a record's name can be made of: uri, trace_provider, reason, status, detect_point."""


WORDS = ("uri", "trace_provider", "reason", "status", "detect_point")


def is_sample(message: pb.LogData) -> bool:
    """Whether the log is a sampled request."""
    return any((tag.key, tag.value) == MARK for tag in message.tags.data)


def sample_of(message: pb.LogData, service: str) -> Sample:
    """
    The request in a log of this service.

    Raises `Malformed` when the body is no such JSON or anything needed is missing.
    """
    body = _body(message)
    try:
        kind = REASONS[body["reason"]]
        latency_ms = body["latency"]
        client, server = _end(body["client_process"]), _end(body["server_process"])
        words = {word: str(body.get(word, "")) for word in WORDS}
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"the body of a sampled request: {error!r}") from error
    if type(latency_ms) is not int or not 0 <= latency_ms < LATENCY_LIMIT_MS:
        raise Malformed("the latency of a sampled request is no number of milliseconds")
    trace_id, instance = message.traceContext.traceId, message.serviceInstance
    if not (service and instance and trace_id and words["uri"]):
        raise Malformed("a sampled request names no service, instance, trace or uri")
    return Sample(
        kind=kind,
        service=service,
        instance=instance,
        timestamp_ms=message.timestamp,
        trace_id=trace_id,
        latency_ms=latency_ms,
        client=client,
        server=server,
        side=Side.SERVER if body.get("detect_point") == "server" else Side.CLIENT,
        component=_component(body),
        words=words,
    )


def _body(message: pb.LogData) -> dict[str, Any]:
    try:
        body = json.loads(message.body.json.json)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body of a sampled request is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Malformed("the body of a sampled request is no JSON object")
    return body


def _end(process: Mapping[str, Any]) -> End:
    process_id, address = str(process.get("process_id") or ""), str(process.get("address") or "")
    is_local = process.get("local") is True
    if not (process_id or is_local or address):
        raise KeyError("process_id, local or address")
    return End(process_id, is_local, address)


def _component(body: Mapping[str, Any]) -> Component:
    is_tls = body.get("ssl") is True
    if body.get("component") == "http":
        return Component.HTTPS if is_tls else Component.HTTP
    return Component.TLS if is_tls else Component.TCP
