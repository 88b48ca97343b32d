"""
Two kinds of request: a page of a list, and a watch.

In: an `Access`.  Out: decoded JSON. Whatever the server does wrong is one of four errors; how much
it may send and how long it may take is bounded.
"""

import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Protocol

import httpx

from podwire.kube.access import Access

CONNECT_TIMEOUT_S = 10.0
LIST_TIMEOUT_S = 30.0
PAGE_LIMIT = 64 << 20
"""Bytes of one page."""

EVENT_LIMIT = 8 << 20
"""Bytes of one event; etcd refuses objects of more than a few MiB."""

KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""A peer that is gone without a word is noticed after half a minute, though a watch is silent."""

GONE = 410


class ApiError(Exception):
    """The API server did not give what was asked; the message says what it did."""

    reason = "failed"


class Unreachable(ApiError):
    """No connection, or none that answers in time."""

    reason = "unreachable"


class Garbled(ApiError):
    """The answer is not what the API promises."""

    reason = "garbled"


class Gone(ApiError):
    """The version asked for is too old: list anew."""

    reason = "gone"


class Refused(ApiError):
    """The server answered with an error status."""

    def __init__(self, status: int, message: str, retry_after_s: float) -> None:
        super().__init__(f"{status}: {message}")
        self.reason = f"http_{status}"
        self.status = status
        self.retry_after_s = retry_after_s


class Api(Protocol):
    """What a `Follower` needs of the API server."""

    async def page(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        """One page of a list. Raises `ApiError`."""

    def events(
        self, path: str, query: Mapping[str, str], *, silence_s: float
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """A watch until the server ends it or is silent for so long. Raises `ApiError`."""


class HttpApi:
    """The real one; an async context that owns its connections."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._http = httpx.AsyncClient(
            base_url=access.server,
            transport=httpx.AsyncHTTPTransport(
                verify=access.tls, socket_options=KEEP_ALIVE, trust_env=False
            ),
            headers={"Accept": "application/json", "User-Agent": "podwire"},
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> "HttpApi":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def page(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        async with self._answer(path, query, LIST_TIMEOUT_S) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > PAGE_LIMIT:
                    raise Garbled(f"a page of {path} is longer than {PAGE_LIMIT} bytes")
        return decoded(bytes(body))

    async def events(
        self, path: str, query: Mapping[str, str], *, silence_s: float
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        async with self._answer(path, {**query, "watch": "1"}, silence_s) as response:
            rest = bytearray()
            async for chunk in response.aiter_bytes():
                rest += chunk
                *lines, last = rest.split(b"\n") if b"\n" in chunk else (rest,)
                rest = last
                for line in lines:
                    if line.strip():
                        yield decoded(bytes(line))
                if len(rest) > EVENT_LIMIT:
                    raise Garbled(f"an event of {path} is longer than {EVENT_LIMIT} bytes")

    @asynccontextmanager
    async def _answer(
        self, path: str, query: Mapping[str, str], silence_s: float
    ) -> AsyncIterator[httpx.Response]:
        token = self._access.token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = httpx.Timeout(CONNECT_TIMEOUT_S, read=silence_s)
        try:
            async with self._http.stream(
                "GET", path, params=dict(query), headers=headers, timeout=timeout
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise await _refusal(response)
                yield response
        except httpx.TimeoutException as error:
            raise Unreachable(f"{self._access.server} is silent") from error
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            raise Unreachable(f"{self._access.server}: {error or type(error).__name__}") from error


def decoded(body: bytes) -> Mapping[str, Any]:
    """The mapping that some bytes are. Raises `Garbled`."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Garbled(f"the answer is not JSON: {body[:60]!r}") from error
    if not isinstance(found, dict):
        raise Garbled(f"the answer is no object: {body[:60]!r}")
    return found


async def _refusal(response: httpx.Response) -> ApiError:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > 65536:
            break
    try:
        message = str(decoded(body).get("message") or response.reason_phrase)
    except Garbled:
        message = response.reason_phrase
    if response.status_code == GONE:
        return Gone(message)
    wait = response.headers.get("Retry-After", "")
    return Refused(response.status_code, message, float(wait) if wait.isdigit() else 0.0)
