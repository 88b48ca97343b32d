"""Ordinary traffic over nginx."""

from collections.abc import Iterator
from typing import Any

from exact.case import Finding, Stage, case
from exact.ends import at_client, at_nginx, by_book, served, settle, wish
from exact.house import wait
from exact.nginx import Nginx
from exact.process import Process
from podwire.model.flow import Role


def browse(
    stage: Stage, wishes: list[list[Any]], *, sendfile: bool = True, **settings: Any
) -> tuple[Nginx, Process, dict[str, int]]:
    """Nginx before our own server, and a client with a list of wishes; both ends watched."""
    nginx, away, _, _ = served(stage, sendfile=sendfile)
    for _, target, _ in wishes:
        if target[1:].isdecimal():
            nginx.file(int(target[1:]))
    client = stage.player(
        away, "gets", address=nginx.house.address, port=nginx.port, wishes=wishes, **settings
    )
    stage.watch(nginx, client)
    stage.play(client)
    return nginx, client, dict(client.books())


def both_ends(stage: Stage, wishes: list[list[Any]], **settings: Any) -> Iterator[Finding]:
    """The whole list, at nginx and at the client."""
    nginx, client, books = browse(stage, wishes, **settings)
    yield from at_nginx(stage, nginx, len(wishes) * settings.get("connections", 1))
    yield from at_client(stage, client, books)


def back(status: int, size: int, query: str = "") -> str:
    """A target that our own server answers, behind nginx."""
    return f"/back/{status}/{size}" + (f"?{query}" if query else "")


@case("connection older than the task, 10 requests")
def older(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    nginx = stage.nginx(home)
    nginx.start()
    target = nginx.file(850)
    client = stage.player(
        away, "older", address=home.address, port=nginx.port, target=target, times=10
    )
    client.ready()
    wait("the first request in nginx's log", lambda: nginx.log_lines().requests)
    first = nginx.log_lines()
    stage.watch(nginx, client)
    stage.play(client)
    books = client.books()
    log = nginx.log(11)
    stage.drain()
    seen = stage.end(nginx.pids, Role.SERVER)
    yield Finding("requests at nginx", log.requests - 1, seen.http("requests"))
    received, sent = log.received - first.received, log.sent - first.sent
    yield Finding("bytes read, written at nginx", (received, sent), seen.bytes)
    yield Finding("opened, closed at nginx", (0, 1), seen.opened_closed)
    yield from at_client(stage, client, books)


@case("keep-alive, 60 requests, 40x200 10x404 10x500")
def keep_alive(stage: Stage) -> Iterator[Finding]:
    wishes = [*wish("/850", 40), *wish("/nowhere", 10), *wish(back(500, 20), 10)]
    yield from both_ends(stage, wishes, pause_ms=50)


@case("30 connections, one request each")
def short(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish("/850", 30), is_fresh=True)


@case("slow upstream (600, 250, 20 ms), 11")
def slow(stage: Stage) -> Iterator[Finding]:
    waits = [600, *[250] * 4, *[20] * 6]
    wishes = [one for ms in waits for one in wish(back(200, 850, f"slow_ms={ms}"))]
    yield from upstream(stage, wishes)


@case("mixed upstream, 25 (5 chunked, 5 POST 3 KB)")
def mixed(stage: Stage) -> Iterator[Finding]:
    wishes = [
        *wish(back(200, 850), 10),
        *wish(back(200, 5000, "chunked=700"), 5),
        *wish(back(201, 40), 5, "POST", 3000),
        *wish("/850", 5),
    ]
    yield from upstream(stage, wishes)


def upstream(stage: Stage, wishes: list[list[Any]]) -> Iterator[Finding]:
    """Client, nginx on both of its sides, and the server behind it, all watched."""
    nginx, away, server, rear = served(stage)
    nginx.file(850)
    client = stage.player(away, "gets", address=nginx.house.address, port=nginx.port, wishes=wishes)
    stage.watch(nginx, client, server)
    stage.play(client)
    books = client.books()
    yield from at_nginx(stage, nginx, len(wishes))
    yield from at_client(stage, client, books)
    pids = nginx.pids
    nginx.process.send_signal(3)  # SIGQUIT: close what is kept alive to the server behind
    nginx.process.wait(10)
    book = settle(stage, rear, server)
    yield from by_book("the upstream", stage.end([server.process.pid], Role.SERVER), book)
    seen = stage.end(pids, Role.CLIENT)
    yield Finding("requests at nginx as a client", book["requests"], seen.http("requests"))
    moved = book["write_bytes"], book["read_bytes"]
    yield Finding("bytes read, written at nginx as a client", moved, seen.bytes)
    yield Finding("opened at nginx as a client", book["accepts"], seen.sum("connect"))


@case("3 x 1 MB down")
def down(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish("/1000000", 3), sendfile=False)


@case("3 x 1 MB down by sendfile")
def down_sendfile(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish("/1000000", 3))


@case("3 x 1 MB up")
def up(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish(back(200, 850), 3, "POST", 1_000_000))


@case("client outside, 25")
def outside(stage: Stage) -> Iterator[Finding]:
    yield from unwatched_client(stage, 25)


@case("client on the node, 20")
def on_the_node(stage: Stage) -> Iterator[Finding]:
    yield from unwatched_client(stage, 20, is_local=True)


def unwatched_client(stage: Stage, requests: int, *, is_local: bool = False) -> Iterator[Finding]:
    """Only nginx is watched."""
    home, away = stage.neighbours()
    nginx = stage.nginx(home)
    nginx.start()
    client = stage.player(
        home if is_local else away,
        "gets",
        address="127.0.0.1" if is_local else home.address,
        port=nginx.port,
        wishes=wish(nginx.file(850), requests),
    )
    stage.watch(nginx)
    stage.play(client)
    yield from at_nginx(stage, nginx, requests)
    yield Finding("flows of the client", 0, len(stage.end([client.process.pid], Role.CLIENT).flows))


@case("8 connections flat out, 800")
def flat_out(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish("/850", 100), connections=8)


@case("one connection flat out, 60 x 404")
def one_flat_out(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish("/nowhere", 60))


@case("one connection, 100 requests 10 ms apart")
def spaced(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish("/850", 100), pause_ms=10)


@case("16 connections, 160 requests over 6 s")
def gentle(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish("/850", 10), connections=16, pause_ms=600)


@case("200 short connections, drained without a pause")
def busy_drain(stage: Stage) -> Iterator[Finding]:
    stage.drain_s = 0
    yield from both_ends(stage, wish("/850", 50), connections=4, is_fresh=True)


@case("one keep-alive connection over many drains, 40 requests")
def long_lived(stage: Stage) -> Iterator[Finding]:
    stage.drain_s = 0.02
    yield from both_ends(stage, wish("/850", 40), pause_ms=50)
