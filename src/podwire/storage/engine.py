"""
The ClickHouse engine: embedded chDB by default, a ClickHouse server by DSN.

In: SQL with typed parameters, rows.  Out: rows. Every call runs on one thread of its own, so that
the event loop never waits for a disk and the embedded engine is never entered twice.
"""

import asyncio
import fcntl
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlparse

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

Row = tuple[Any, ...]


class Unavailable(RuntimeError):
    """The store cannot be opened; the message says who must do what."""


class Engine:
    """One client on one thread."""

    def __init__(self, client: Any, executor: ThreadPoolExecutor, lock: TextIO | None) -> None:
        self._client = client
        self._executor = executor
        self._lock = lock

    @classmethod
    async def open(cls, dsn: str) -> "Engine":
        """
        `chdb:///PATH`, `chdb://memory` or `http://HOST:PORT/DATABASE`.

        Raises `Unavailable`.
        """
        lock = _locked(dsn)
        executor = ThreadPoolExecutor(1, thread_name_prefix="storage")
        loop = asyncio.get_running_loop()
        try:
            client = await loop.run_in_executor(executor, _client, dsn)
        except (ClickHouseError, OSError, ValueError) as error:
            executor.shutdown()
            if lock:
                lock.close()
            raise Unavailable(f"the store {dsn} cannot be opened: {_first_line(error)}") from error
        return cls(client, executor, lock)

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """All rows of a SELECT."""

        def rows() -> Sequence[Row]:
            return list(self._client.query(sql, parameters=dict(parameters or {})).result_rows)

        found: Sequence[Row] = await self._run(rows)
        return found

    async def command(self, sql: str) -> None:
        """One statement without an answer."""
        await self._run(lambda: self._client.command(sql))

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Rows, given column by column; all columns are of one length. Raises ClickHouseError."""

        def insert() -> None:
            self._client.insert(
                table,
                list(columns.values()),
                column_names=list(columns),
                column_oriented=True,
            )

        await self._run(insert)

    async def close(self) -> None:
        """Close the engine and free its lock."""
        await self._run(self._client.close)
        self._executor.shutdown()
        if self._lock:
            self._lock.close()

    async def _run(self, call: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


def _client(dsn: str) -> Any:
    if dsn.startswith("chdb:"):
        return clickhouse_connect.get_client(dsn=dsn)
    return clickhouse_connect.get_client(dsn=dsn, connect_timeout=5, send_receive_timeout=30)


def _locked(dsn: str) -> TextIO | None:
    """
    A lock beside the embedded store that names its owner; the kernel frees it with its process.

    Raises `Unavailable` when another process owns it, or the folder cannot be written.
    """
    parsed = urlparse(dsn)
    if parsed.scheme not in ("chdb", "http", "https"):
        raise Unavailable(f"{dsn!r} is no store: use chdb:///PATH or http://HOST:PORT/DATABASE")
    if parsed.scheme != "chdb" or parsed.netloc:
        return None
    path = Path(parsed.path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path.parent / f"{path.name}.lock").open("a+")
    except OSError as error:
        raise Unavailable(f"the store {path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise Unavailable(
            f"the store {path} belongs to the running process {owner}; "
            "stop it or give this one another --storage"
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
