"""
The ClickHouse engine: embedded chDB by default, a ClickHouse server by DSN.

In: SQL with typed parameters, rows.  Out: rows. Questions run on one thread and bulk inserts on
another, each with a client of its own, so that the event loop never waits for a disk and a
question never for an insert.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO, TypeVar
from urllib.parse import urlparse

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from podwire.native.thread import name_thread

Row = tuple[Any, ...]
T = TypeVar("T")


class Unavailable(RuntimeError):
    """The store cannot be opened; the message says who must do what."""


class _Desk:
    """A client on a thread of its own; what is asked of it happens in turn."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(
            1, thread_name_prefix=name, initializer=name_thread, initargs=(name,)
        )
        self.client: Any = None

    async def open(self, dsn: str) -> None:
        """Connect. Raises what the client does."""
        self.client = await self.run(lambda: _client(dsn))

    async def run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def close(self) -> None:
        if self.client:
            await self.run(self.client.close)
        self._executor.shutdown()


class Engine:
    """Two clients of one engine."""

    def __init__(self, questions: _Desk, inserts: _Desk, lock: TextIO | None) -> None:
        self._questions = questions
        self._inserts = inserts
        self._lock = lock

    @classmethod
    async def open(cls, dsn: str) -> "Engine":
        """
        `chdb:///PATH`, `chdb://memory` or `http://HOST:PORT/DATABASE`.

        Raises `Unavailable`.
        """
        lock = _locked(dsn)
        engine = cls(_Desk("questions"), _Desk("inserts"), lock)
        try:
            await engine._questions.open(dsn)
            await engine._inserts.open(dsn)
        except (ClickHouseError, OSError, ValueError) as error:
            await engine.close()
            raise Unavailable(f"the store {dsn} cannot be opened: {_first_line(error)}") from error
        return engine

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """All rows of a SELECT."""

        def rows() -> Sequence[Row]:
            client = self._questions.client
            return list(client.query(sql, parameters=dict(parameters or {})).result_rows)

        found: Sequence[Row] = await self._questions.run(rows)
        return found

    async def command(self, sql: str) -> None:
        """One statement without an answer."""
        await self._questions.run(lambda: self._questions.client.command(sql))

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Rows, given column by column; all columns are of one length. Raises ClickHouseError."""

        def insert() -> None:
            self._questions.client.insert(
                table,
                list(columns.values()),
                column_names=list(columns),
                column_oriented=True,
            )

        await self._questions.run(insert)

    async def insert_block(self, table: str, data: bytes) -> None:
        """Rows as one block in Native format, with its columns' names. Raises ClickHouseError."""
        settings = {"optimize_on_insert": 0}  # the rows are merged already
        client = self._inserts.client
        await self._inserts.run(
            lambda: client.raw_insert(table, None, data, settings=settings, fmt="Native")
        )

    async def aside(self, work: Callable[[], T]) -> T:
        """Something long that needs no engine, where it keeps nobody waiting."""
        return await self._inserts.run(work)

    async def close(self) -> None:
        """Close the engine and free its lock."""
        await self._inserts.close()
        await self._questions.close()
        if self._lock:
            self._lock.close()


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
