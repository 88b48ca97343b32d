"""
What was recorded of one trace on the network, put together again.

In: the events of `sampledEvents`, every hop mixed.  Out: one exchange a process and span, and its
forms for other tools: raw text, HAR 1.2, a command line of curl.
"""

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import podwire

Event = Mapping[str, Any]
CALL = "Syscall "
NOT_SENT = frozenset({"host", "content-length", "transfer-encoding", "connection"})
"""Headers that curl makes itself."""


@dataclass(frozen=True, slots=True)
class Message:
    """One HTTP message as it was recorded; times in milliseconds since the epoch."""

    text: str
    size: str
    start_ms: float
    end_ms: float
    raw: str = ""
    """Base64 of the bytes on the socket where they differ from `text`."""

    missing: int = 0
    """Bytes that were not recorded."""

    is_withheld: bool = False
    """Its bytes stay on the node: they could not be looked into for secrets."""

    @property
    def bytes(self) -> bytes:
        """What crossed the socket, as far as it was recorded and let go."""
        return base64.b64decode(self.raw) if self.raw else self.text.encode()

    @property
    def line(self) -> str:
        """Such as `GET /orders HTTP/1.1`."""
        return self.text.partition("\n")[0].rstrip("\r")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """In their order; a line without a colon is no header."""
        lines = (line.partition(":") for line in self._parts[0].splitlines()[1:])
        return [(name, value.strip()) for name, colon, value in lines if colon]

    @property
    def body(self) -> str:
        return self._parts[1]

    @property
    def _parts(self) -> tuple[str, str]:
        head, _, body = self.text.partition("\r\n\r\n")
        return head, body

    def header(self, name: str) -> str:
        """The first of this name, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(slots=True)
class Exchange:
    """What one process saw of one request."""

    service: str
    instance: str
    process: str
    segment: str
    span: str
    role: str = ""
    request: Message | None = None
    response: Message | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Such as `GET /orders`."""
        return self.request.line.rpartition(" ")[0] if self.request else "-"

    @property
    def status(self) -> int | None:
        """None when the response was not recorded."""
        words = self.response.line.split() if self.response else []
        return int(words[1]) if len(words) > 1 and words[1].isdecimal() else None

    @property
    def duration_ms(self) -> float | None:
        """From the request's first byte to the response's last."""
        if self.request is None or self.response is None:
            return None
        return round(self.response.end_ms - self.request.start_ms, 3)


def exchanges(events: Sequence[Event]) -> list[Exchange]:
    """By their start; a span that asked several times has an exchange each time."""
    found: list[Exchange] = []
    newest: dict[tuple[str, ...], Exchange] = {}
    for event in sorted(events, key=lambda event: _ms(event["startTime"])):
        tags = {tag["key"]: tag["value"] or "" for tag in event["tags"] if tag}
        names = ("service_name", "service_instance_name", "process_name")
        where = [tags.get(name, "") for name in names]
        key = (*where, event["segmentId"], event["spanId"])
        if key not in newest or (newest[key].request and tags.get("data_type") == "request"):
            newest[key] = Exchange(*key)
            found.append(newest[key])
        _take(newest[key], event, tags)
    return found


def _take(exchange: Exchange, event: Event, tags: Mapping[str, str]) -> None:
    exchange.role = tags.get("connection_role", exchange.role)
    start_ms, end_ms = _ms(event["startTime"]), _ms(event["endTime"])
    message = Message(
        text=tags.get("data_content", ""),
        size=tags.get("data_size", ""),
        start_ms=start_ms,
        end_ms=end_ms,
        raw=tags.get("data_raw", ""),
        missing=int(tags.get("data_missing", 0)),
        is_withheld=tags.get("data_withheld") == "true",
    )
    if event["event"].startswith(CALL):
        name = event["event"].removeprefix(CALL)
        facts = {key: value for key, value in tags.items() if not key.endswith("_name")}
        exchange.calls.append({"call": name, "start_ms": start_ms, "end_ms": end_ms, **facts})
    elif tags.get("data_type") == "request":
        exchange.request = exchange.request or message
    elif tags.get("data_type") == "response":
        exchange.response = exchange.response or message


def _ms(instant: Mapping[str, int]) -> float:
    return instant["seconds"] * 1000 + instant["nanos"] / 1e6


def url(request: Message) -> str:
    """Where the request went, as its own head says."""
    _, target, *_ = (*request.line.split(), "", "")
    return target if "://" in target else f"http://{request.header('host') or 'unknown'}{target}"


def curl(exchange: Exchange) -> str:
    """The same request for a shell; empty when it was not recorded."""
    request = exchange.request
    if request is None:
        return ""
    words = ["curl", "-X", request.line.partition(" ")[0], url(request)]
    for name, value in request.headers:
        if name.lower() not in NOT_SENT:
            words += ["-H", f"{name}: {value}"]
    if request.body:
        words += ["--data-binary", request.body]
    return shlex.join(words)


def har(exchange: Exchange) -> dict[str, Any]:
    """HAR 1.2 with one entry; what was not recorded is -1 or empty, as HAR asks."""
    nothing = Message("", "", 0, 0)
    request, response = exchange.request or nothing, exchange.response or nothing
    timings = {
        "send": request.end_ms - request.start_ms,
        "wait": max(0.0, response.start_ms - request.end_ms) if exchange.response else 0,
        "receive": response.end_ms - response.start_ms,
    }
    entry = {
        "startedDateTime": datetime.fromtimestamp(request.start_ms / 1000, UTC).isoformat(),
        "time": sum(timings.values()),
        "request": _har_request(request),
        "response": _har_response(response, exchange.status or 0),
        "cache": {},
        "timings": timings,
    }
    creator = {"name": "podwire", "version": podwire.__version__}
    return {"log": {"version": "1.2", "creator": creator, "entries": [entry]}}


def _har_request(request: Message) -> dict[str, Any]:
    query = parse_qsl(urlsplit(url(request)).query, keep_blank_values=True)
    posted = {"mimeType": request.header("content-type"), "text": request.body}
    return {
        "method": request.line.partition(" ")[0],
        "url": url(request),
        "httpVersion": request.line.rpartition(" ")[2],
        "queryString": [{"name": name, "value": value} for name, value in query],
        **_har_message(request),
        **({"postData": posted} if request.body else {}),
    }


def _har_response(response: Message, status: int) -> dict[str, Any]:
    content = {
        "size": len(response.body.encode()),
        "mimeType": response.header("content-type"),
        "text": response.body,
    }
    return {
        "status": status,
        "statusText": " ".join(response.line.split()[2:]),
        "httpVersion": response.line.partition(" ")[0],
        "content": content,
        "redirectURL": response.header("location"),
        **_har_message(response),
    }


def _har_message(message: Message) -> dict[str, Any]:
    headers = [{"name": name, "value": value} for name, value in message.headers]
    return {"cookies": [], "headers": headers, "headersSize": -1, "bodySize": -1}
