"""
Both ends of a conversation compared with their own truth.

In: a played stage.  Out: findings, in the words of the table.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from exact.answer import End
from exact.case import PORT, Finding, Stage
from exact.house import House, wait
from exact.nginx import Logged, Nginx
from exact.process import Process
from podwire.model.flow import Role

Books = Mapping[str, int]


def wish(target: str, times: int = 1, method: str = "GET", body: int = 0) -> list[list[Any]]:
    """A list for `ask.gets`."""
    return [[method, target, body]] * times


def statuses(books: Books) -> dict[int, int]:
    """Responses by status in a book."""
    words = {name.removeprefix("status_"): count for name, count in books.items()}
    return dict(sorted((int(name), count) for name, count in words.items() if name.isdecimal()))


def at_nginx(
    stage: Stage, nginx: Nginx, requests: int, *, unanswered: int = 0
) -> Iterator[Finding]:
    """
    Messages, bytes and connections by nginx's log and its kernel's counters.

    A request that nginx logs as 499 was asked and not answered.
    """
    log = nginx.log(requests)
    stage.drain()
    seen = stage.end(nginx.pids, Role.SERVER)
    yield from _logged(seen, log, unanswered)
    opened = nginx.opened
    yield Finding("opened, closed at nginx", (opened, opened), seen.opened_closed)


def _logged(seen: End, log: Logged, unanswered: int) -> Iterator[Finding]:
    answered = {status: count for status, count in log.statuses.items() if status != 499}
    assert sum(answered.values()) == log.requests - unanswered
    yield Finding("requests at nginx", log.requests, seen.http("requests"))
    yield Finding("statuses at nginx", answered, seen.statuses)
    if unanswered:
        yield Finding("unanswered at nginx", unanswered, seen.http("unanswered"))
    yield Finding("request, response bytes at nginx", (log.received, log.sent), seen.messages)
    yield Finding("bytes read, written at nginx", (log.received, log.sent), seen.bytes)


def at_client(stage: Stage, client: Process, books: Books) -> Iterator[Finding]:
    """Everything that a client's own book holds."""
    yield from by_book("the client", stage.end([client.process.pid], Role.CLIENT), books)


def by_book(who: str, seen: End, books: Books) -> Iterator[Finding]:
    """Messages, calls, bytes and connections of one end by its own book."""
    get = books.get
    messages = get("request_bytes", 0), get("response_bytes", 0)
    calls = get("reads", 0), get("writes", 0)
    moved = get("read_bytes", 0), get("write_bytes", 0)
    opened = get("connects", 0) + get("accepts", 0)
    yield Finding(f"requests at {who}", get("requests", 0), seen.http("requests"))
    yield Finding(f"statuses at {who}", statuses(books), seen.statuses)
    yield Finding(f"request, response bytes at {who}", messages, seen.messages)
    yield Finding(f"calls that read, wrote at {who}", calls, seen.calls)
    yield Finding(f"bytes read, written at {who}", moved, seen.bytes)
    yield Finding(f"opened, closed at {who}", (opened, get("closes", 0)), seen.opened_closed)


def serve(stage: Stage, house: House, **settings: Any) -> Process:
    """Our own server, open for clients."""
    address = settings.pop("address", house.address)
    server = stage.player(house, "serve", address=address, port=PORT, **settings)
    server.ready()
    return server


def settle(stage: Stage, house: House, server: Process) -> Mapping[str, Any]:
    """Wait until a server has closed what its clients left; its book."""
    wait("the server to have closed", lambda: not house.sockets(PORT))
    server.idle()
    server.say()
    books = server.books()
    stage.drain()
    return books


def talk(stage: Stage, scene: str, **settings: Any) -> Iterator[Finding]:
    """Our own client and server, both watched, both compared."""
    home, away = stage.neighbours()
    server = serve(stage, home)
    client = stage.player(away, scene, address=home.address, port=PORT, **settings)
    stage.watch(server, client)
    stage.play(client)
    books = client.books()
    book = settle(stage, home, server)
    yield from by_book("the server", stage.end([server.process.pid], Role.SERVER), book)
    yield from at_client(stage, client, books)


def served(
    stage: Stage, houses: tuple[House, House] | None = None, **options: Any
) -> tuple[Nginx, House, Process, House]:
    """An nginx that runs, the client's house, and the server behind it with its house."""
    home, away = houses or stage.neighbours()
    rear = stage.behind(home)
    back = serve(stage, rear)
    nginx = stage.nginx(home, upstream=f"{rear.address}:{PORT}", **options)
    nginx.start()
    return nginx, away, back, rear


def visit(
    stage: Stage, scene: str, target: str, *, requests: int, unanswered: int = 0, **settings: Any
) -> Iterator[Finding]:
    """One client of an nginx with our server behind it; nginx and client are watched."""
    nginx, away, _, _ = served(stage)
    address = settings.pop("address", nginx.house.address)
    target = nginx.file(int(target)) if target.isdecimal() else target
    client = stage.player(away, scene, address=address, port=nginx.port, target=target, **settings)
    stage.watch(nginx, client)
    stage.play(client)
    books = client.books()
    yield from at_nginx(stage, nginx, requests, unanswered=unanswered)
    yield from at_client(stage, client, books)
