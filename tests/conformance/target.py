"""
The backend that is asked: one at an address, or one that the tests start.

In: `CONFORMANCE_TARGET=HOST:GRPC,HOST:HTTP`, or nothing.  Out: calls in bytes, questions in text.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from grpc import Channel, RpcError

Found = TypeVar("Found")
PACKAGE = "skywalking.v3."
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backend listens."""

    grpc: str
    http: str
    channel: Channel

    def call(
        self, method: str, *messages: bytes, metadata: Iterable[tuple[str, str]] = ()
    ) -> bytes:
        """Messages to `Service/method`, and the answer's bytes; unary is a stream of one."""
        path = method if method.startswith("/") else f"/{PACKAGE}{method}"
        made = self.channel.stream_unary(path, None, None)
        answer: bytes = made(iter(messages), metadata=tuple(metadata), timeout=TIMEOUT_S)
        return answer

    def refusal(self, method: str, *messages: bytes) -> str:
        """The status that a call ends with."""
        try:
            self.call(method, *messages)
        except RpcError as error:
            return str(error.code().name)
        return "OK"

    def post(self, query: str, **variables: Any) -> httpx.Response:
        """A GraphQL request as swctl sends it."""
        return httpx.post(
            f"http://{self.http}/graphql",
            json={"query": query, "variables": variables},
            headers={"Content-Type": "application/json; charset=utf-8"},
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    def ask(self, query: str, **variables: Any) -> Any:
        """The first field of the answer's data; anything else fails."""
        body = self.post(query, **variables).json()
        assert "errors" not in body, body
        (found,) = body["data"].values()
        return found


def wait(what: str, find: Callable[[], Found], timeout_s: float = 60.0) -> Found:
    """
    What `find` finds, once it finds anything.

    Storage of another backend may show what was sent only half a minute later (contract 5.6).
    """
    until_s = time.monotonic() + timeout_s
    while True:
        found = find()
        if found:
            return found
        assert time.monotonic() < until_s, what
        time.sleep(0.1)


def window(minutes: int = 30) -> dict[str, Any]:
    """The last minutes in UTC, as swctl asks by default; the tests' own backend runs in UTC."""
    now_s = time.time()
    form = "%Y-%m-%d %H%M"
    return {
        "start": time.strftime(form, time.gmtime(now_s - minutes * 60)),
        "end": time.strftime(form, time.gmtime(now_s)),
        "step": "MINUTE",
        "coldStage": False,
    }
