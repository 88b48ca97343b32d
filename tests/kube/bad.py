"""A server that answers as told: for everything a real API server does not do on demand."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from podwire.kube.access import Access

Answer = str | bytes
"""Bytes as they go out, or one of the words below."""

HANG = "hang"
CUT = "cut"


def status(code: int, message: str = "no", headers: Sequence[str] = ()) -> bytes:
    """An error as the API words it."""
    return _head(code, headers) + json.dumps({"kind": "Status", "message": message}).encode()


def page(*items: Any, version: str = "10", token: str = "") -> bytes:
    """A page of a list."""
    metadata = {"resourceVersion": version, "continue": token}
    return _head(200) + json.dumps({"metadata": metadata, "items": items}).encode()


def events(*told: tuple[str, Any]) -> bytes:
    """A watch that tells this and ends."""
    lines = [json.dumps({"type": kind, "object": content}) for kind, content in told]
    return _head(200) + "".join(f"{line}\n" for line in lines).encode()


def raw(body: bytes) -> bytes:
    """An answer of any bytes."""
    return _head(200) + body


def pod(name: str, version: int, address: str = "", **more: Any) -> dict[str, Any]:
    """A pod; its uid is its name."""
    metadata = {"uid": name, "name": name, "namespace": "shop", "resourceVersion": str(version)}
    status = {"podIP": address, "phase": "Running"} if address else {}
    return {"metadata": metadata, "status": status, **more}


def _head(code: int, headers: Sequence[str] = ()) -> bytes:
    lines = [f"HTTP/1.1 {code} Any", "Content-Type: application/json", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


class BadServer:
    """Answers requests in order; afterwards it hangs."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = list(answers)
        self.requests: list[str] = []
        self.access = Access("", None, lambda: "a-token")  # type: ignore[arg-type]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:  # it hung up before it asked
            writer.close()
            return
        self.requests.append(head.split()[1])
        answer = self._answers.pop(0) if self._answers else HANG
        with contextlib.suppress(ConnectionError):
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            elif answer == HANG:
                await reader.read()
        writer.close()


@contextlib.asynccontextmanager
async def bad_server(*answers: Answer) -> AsyncIterator[BadServer]:
    """A `BadServer` on a free port."""
    bad = BadServer(answers)
    server = await asyncio.start_server(bad.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    bad.access = Access(f"http://127.0.0.1:{port}", True, lambda: "a-token")  # type: ignore[arg-type]
    try:
        yield bad
    finally:
        server.close()


async def wait_for(holds: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
    """Poll until it is so."""
    try:
        async with asyncio.timeout(timeout_s):
            while not holds():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {timeout_s} s: {what}") from None
