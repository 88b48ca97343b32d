"""
A way from the shop's namespaces to the backend: a socket in the file system, which all of them see.

In: the backend's HOST:PORT.  Out: bytes, both ways, until the context is left.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

CHUNK = 65536


@asynccontextmanager
async def relayed(path: Path, backend: str) -> AsyncIterator[None]:
    """Pass on what comes to `path`; while the backend is away, connections end at once."""
    host, _, port = backend.rpartition(":")

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            there, back = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))

    async with await asyncio.start_unix_server(greet, path):
        yield


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.closing(target), contextlib.suppress(OSError):
        while data := await source.read(CHUNK):
            target.write(data)
            await target.drain()
