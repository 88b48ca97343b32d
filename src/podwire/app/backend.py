"""
The backend plugged together: storage, rules, the gRPC server, GraphQL and the page.

In: settings.  Out: a running backend until it is cancelled.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from podwire.app import cluster, rules
from podwire.app.agent import now_ms
from podwire.app.reload import Reloader
from podwire.app.settings import BackendSettings, ConfigError
from podwire.kube.watch import Watch
from podwire.mal import Analyzer, Switching
from podwire.query import application
from podwire.query.exposition import CONTENT_TYPE, exposition
from podwire.query.traffic import Traffic
from podwire.receiver.server import PortTaken, serve
from podwire.receiver.tally import Tally
from podwire.storage import Failed, Store

log = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"


async def run(settings: BackendSettings) -> None:
    """
    Serve until cancelled.

    Raises `ConfigError`, `PortTaken`, `mal.RuleError`, `storage.Unavailable`: what an operator or
    a rule's author must mend; nothing is left open then.
    """
    files = rules.active(settings)
    log_rule = rules.log_rule(settings)
    listener = _listen(settings.http)
    metrics = {metric.name: metric for file in files for metric in file.metrics}
    tally = Tally()
    async with (
        cluster.directory(settings.kubeconfig) as (names, followed),
        _opened(settings.storage) as store,
        _running(followed),
    ):
        analyzer = Switching(Analyzer(files, names, pods=names))
        server = await serve(
            settings.grpc,
            sink=store,
            analyzer=analyzer,
            names=names,
            log_rule=log_rule,
            tally=tally,
            now_ms=now_ms,
            token=settings.token,
            transient=(OSError, Failed),
        )
        traffic = Traffic()
        page = application(
            store,
            metrics=metrics,
            page=PAGE if PAGE.is_dir() else None,
            traffic=traffic,
            failures=(OSError, Failed),
        )
        page.routes[:0] = _own_routes(tally, store, traffic, followed)
        log.info("GraphQL and the page: http://%s:%d", *listener.getsockname()[:2])
        reloading = asyncio.create_task(Reloader(settings, analyzer, metrics, tally).run())
        reloading.add_done_callback(_say_why)
        try:
            await _serve_http(page, listener)
        finally:
            reloading.cancel()
            await server.stop(grace=1)


@asynccontextmanager
async def _running(followed: Watch | None) -> AsyncIterator[None]:
    """Follow the cluster in the background."""
    if followed is None:
        yield
        return
    task = asyncio.create_task(followed.run())
    task.add_done_callback(_say_why)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _say_why(task: asyncio.Task[None]) -> None:
    """Names or rules that are no longer kept in step cost no number; but it must be known."""
    if not task.cancelled() and (error := task.exception()):
        log.error("the cluster or the rules are not followed any more", exc_info=error)


@asynccontextmanager
async def _opened(dsn: str) -> AsyncIterator[Store]:
    store = await Store.open(dsn)
    try:
        yield store
    finally:
        await store.close()


def _listen(address: str) -> socket.socket:
    host, port = split(address)
    try:
        listener = socket.create_server((host, port), reuse_port=False)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise PortTaken(f"cannot listen on {address} for HTTP: {reason}") from error
    # Every connection has it from its listener. Without, an answer of two writes waits 40 ms for
    # the acknowledgement of the first; asyncio would set it only on sockets of a named protocol.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def split(address: str) -> tuple[str, int]:
    """`HOST:PORT` in its two parts. Raises `ConfigError`."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise ConfigError(f"{address!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


class _Server(uvicorn.Server):
    """Leaves signals to the program around it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve_http(page: Starlette, listener: socket.socket) -> None:
    config = uvicorn.Config(page, log_level="warning", lifespan="off", access_log=False)
    try:
        await _Server(config).serve(sockets=[listener])
    finally:
        listener.close()


def _own_routes(
    tally: Tally, store: Store, traffic: Traffic, followed: Watch | None
) -> list[Route]:
    """Totals of every station since start: for people as JSON, and for Prometheus."""

    def totals() -> dict[str, Mapping[str, float]]:
        lost = {f"lost_{reason}_total": count for reason, count in store.losses().items()}
        kube = followed.statistics() if followed else {}
        return {
            "receiver": tally.statistics(),
            "storage": lost,
            "query": traffic.statistics(),
            "kube": kube,
        }

    async def status(request: Request) -> Response:
        del request
        flat = {
            name if station == "receiver" else f"{station}_{name}": count
            for station, counts in totals().items()
            for name, count in counts.items()
        }
        states = {"kube": dict(followed.states())} if followed else {}
        return JSONResponse({**flat, **states})

    async def metrics(request: Request) -> Response:
        del request
        return Response(exposition(totals()), media_type=CONTENT_TYPE)

    return [Route("/status", status), Route("/metrics", metrics)]
