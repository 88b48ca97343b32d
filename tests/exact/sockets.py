"""
Sockets used in every way.

What io_uring does has no calls, no times and no messages. What it opens is told as opened, with its
handshake's time, and what crosses such a socket is told as bytes, by its sequence numbers. A socket
that io_uring accepted is known from its first call on and not told as opened; of bytes that
io_uring moves there, or over a socket older than the task, nothing is told.
"""

import errno
from collections.abc import Callable, Iterator

from exact.answer import End
from exact.case import PORT, Finding, Stage, case
from exact.ends import Books, at_client, at_nginx, by_book, serve, served, settle, talk, visit, wish
from exact.house import wait
from exact.ordinary import both_ends
from exact.process import Process, player
from podwire.model.flow import Role


def beside(
    stage: Stage, call: str, threads: int, requests: int, *, is_fresh: bool
) -> Iterator[Finding]:
    """Traffic beside a stranger whose threads all wait in one system call."""
    stranger = stage.player(stage.street.house("stranger"), "blocked", call=call, threads=threads)
    stranger.ready()
    stranger.idle()
    yield from both_ends(stage, wish("/850", requests), pause_ms=5, is_fresh=is_fresh)


@case("12 threads of an unrelated process blocked in recvfrom, 50 requests")
def blocked_recvfrom(stage: Stage) -> Iterator[Finding]:
    yield from beside(stage, "recvfrom", 12, 50, is_fresh=False)


@case("12 threads of an unrelated process blocked in accept4, 10 connections")
def blocked_accept(stage: Stage) -> Iterator[Finding]:
    yield from beside(stage, "accept4", 12, 10, is_fresh=True)


@case("400 threads of an unrelated process blocked in recvfrom, 20 requests")
def blocked_many(stage: Stage) -> Iterator[Finding]:
    yield from beside(stage, "recvfrom", 400, 20, is_fresh=False)


@case("the same 50 requests without those threads")
def unblocked(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish("/850", 50), pause_ms=5)


@case("10 refused connects")
def refused(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    client = stage.player(away, "refused", address=home.address, port=PORT, times=10)
    stage.watch(client)
    before = away.snmp()["AttemptFails"]
    stage.play(client)
    books = client.books()
    stage.drain()
    seen = stage.end([client.process.pid], Role.CLIENT)
    failed = away.snmp()["AttemptFails"] - before
    assert books["failed_ECONNREFUSED"] == failed == 10
    yield Finding("failed connects at the client", {errno.ECONNREFUSED: failed}, seen.failures)
    yield Finding("opened at the client", 0, seen.sum("connect"))


@case("5 exchanges by io_uring between two by calls")
def ring(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    server = serve(stage, home)
    client = stage.player(
        away, "ringing", address=home.address, port=PORT, target="/200/850", times=5
    )
    stage.watch(server, client)
    client.ready()
    early = still(stage, lambda: uncalled(stage, client))
    stage.play(client)
    books = client.books()
    book = settle(stage, home, server)
    moved = books["ring_read"], books["ring_written"]
    stage.uncalled = sum(moved)
    yield Finding("bytes without a call while it is open", moved, early)
    yield Finding("bytes without a call at the client", moved, uncalled(stage, client))
    yield from by_book("the server", stage.end([server.process.pid], Role.SERVER), book)
    yield from at_client(stage, client, with_ring(books, moved))


def with_ring(books: Books, moved: tuple[int, int]) -> Books:
    """A book of calls with the bytes that crossed without any."""
    by_calls = books.get("read_bytes", 0), books.get("write_bytes", 0)
    return {**books, "read_bytes": by_calls[0] + moved[0], "write_bytes": by_calls[1] + moved[1]}


def ring_dialed(stage: Stage, *, is_alone: bool) -> Iterator[Finding]:
    """Connections that io_uring opens, told as opened like those of connect()."""
    home, away = stage.neighbours()
    server = serve(stage, home)
    client = stage.player(
        away,
        "ring_dialing",
        address=home.address,
        port=PORT,
        target="/200/850",
        times=5,
        is_alone=is_alone,
    )
    stage.watch(server, client)
    stage.play(client)
    books = client.books()
    book = settle(stage, home, server)
    moved = books.get("ring_read", 0), books.get("ring_written", 0)
    stage.uncalled = sum(moved)
    seen = stage.end([client.process.pid], Role.CLIENT)
    yield Finding("bytes without a call at the client", moved, uncalled(stage, client))
    yield Finding("peer's address at the client", home.address, " ".join(seen.peers))
    yield from by_book("the server", stage.end([server.process.pid], Role.SERVER), book)
    yield from at_client(stage, client, with_ring(books, moved))


@case("connects by io_uring, 5 exchanges by calls")
def ring_connects(stage: Stage) -> Iterator[Finding]:
    yield from ring_dialed(stage, is_alone=False)


@case("connects and exchanges by io_uring alone, which has no calls and no messages")
def ring_alone(stage: Stage) -> Iterator[Finding]:
    yield from ring_dialed(stage, is_alone=True)


@case("5 refused connects by io_uring")
def ring_refused(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    client = stage.player(away, "ring_failing", address=home.address, port=PORT, times=5)
    stage.watch(client)
    stage.play(client)
    failed = client.books()["failed_ECONNREFUSED"]
    stage.drain()
    seen = stage.end([client.process.pid], Role.CLIENT)
    yield Finding("failed connects at the client", {errno.ECONNREFUSED: failed}, seen.failures)
    yield Finding("opened at the client", 0, seen.sum("connect"))


@case("io_uring on a connection older than the task, of which calls alone are told")
def ring_older(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    serve(stage, home)
    where = {"address": home.address, "port": PORT}
    client = stage.program(away, player("ringing", **where, target="/200/850", times=5, is_older=1))
    client.ready()
    stage.watch(client)
    client.ready()
    stage.play(client)
    books = client.books()
    stage.drain()
    assert books["ring_read"] > 0
    yield from at_client(stage, client, books)


@case("accepts by io_uring, which are not told as opened; 5 exchanges by calls")
def ring_accepts(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    server = stage.player(home, "ring_welcoming", address=home.address, port=PORT, times=5)
    server.ready()
    wishes = wish("/200/850", 5)
    client = stage.player(
        away, "gets", address=home.address, port=PORT, wishes=wishes, is_fresh=True
    )
    stage.watch(server, client)
    stage.play(client)
    books, book = client.books(), server.books()
    stage.drain()
    assert book["ring_accepts"] == len(wishes)
    yield from by_book("the server", stage.end([server.process.pid], Role.SERVER), book)
    yield from at_client(stage, client, books)


def uncalled(stage: Stage, client: Process) -> tuple[int, int]:
    """Read and written without a call, as told so far."""
    seen = stage.end([client.process.pid], Role.CLIENT)
    return seen.tcp("uncalled_read"), seen.tcp("uncalled_written")


def still(stage: Stage, what: Callable[[], tuple[int, int]]) -> tuple[int, int]:
    """What is told once something is, and three drains more have told nothing new."""
    found: list[tuple[int, int]] = [what()]

    def is_still() -> bool:
        stage.drain()
        found.append(what())
        return any(found[-1]) and set(found[-4:]) == {found[-1]} and len(found) > 4

    wait("what crossed without a call", is_still)
    return found[-1]


@case("each answer peeked at before it is read")
def peeking(stage: Stage) -> Iterator[Finding]:
    yield from visit(stage, "peeking", "850", requests=10, times=10)


@case("connects that do not wait")
def background(stage: Stage) -> Iterator[Finding]:
    yield from visit(stage, "background", "850", requests=10, times=10)


@case("requests by sendmmsg, 5 x 3")
def batches(stage: Stage) -> Iterator[Finding]:
    yield from visit(stage, "batches", "850", requests=15, depth=3, times=5)


@case("children that accept on an inherited socket")
def forking(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    server = stage.player(home, "forking", address=home.address, port=PORT, children=4)
    server.ready()
    client = stage.player(
        away, "gets", address=home.address, port=PORT, wishes=wish("/200/850", 4), is_fresh=True
    )
    stage.watch(server, client)
    pids = server.pids
    stage.play(client)
    books = client.books()
    stage.follow(server)
    stage.drain()
    seen = stage.end(pids, Role.SERVER)
    yield Finding("requests at the children", books["requests"], seen.http("requests"))
    moved = books["write_bytes"], books["read_bytes"]
    yield Finding("bytes read, written at the children", moved, seen.bytes)
    yield Finding("opened, closed at the children", (4, 4), seen.opened_closed)
    yield from at_client(stage, client, books)


@case("connections handed to another process")
def passing(stage: Stage) -> Iterator[Finding]:
    nginx, away, _, _ = served(stage)
    client = stage.player(
        away,
        "passing",
        address=nginx.house.address,
        port=nginx.port,
        target=nginx.file(850),
        times=5,
    )
    stage.watch(nginx, client)
    stage.play(client)
    books = client.books()
    yield from at_nginx(stage, nginx, 5)
    log = nginx.log(5)
    opener, user = client.process.pid, books["child"]
    yield Finding("opened at the opener", 5, stage.end([opener], Role.CLIENT).sum("connect"))
    used = stage.end([user], Role.CLIENT)
    yield Finding("requests at the user", 5, used.http("requests"))
    yield Finding("bytes read, written at the user", (log.sent, log.received), used.bytes)


@case("a server on the same port as before")
def reused(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    ends: list[tuple[End, dict[str, int]]] = []
    for _ in range(2):
        server = serve(stage, home)
        client = stage.player(
            away, "gets", address=home.address, port=PORT, wishes=wish("/200/850", 5)
        )
        stage.watch(server, client)
        stage.play(client)
        book = dict(settle(stage, home, server))
        ends.append((stage.end([server.process.pid], Role.SERVER), book))
    for at, (seen, book) in enumerate(ends, 1):
        yield from by_book(f"server {at}", seen, book)


@case("server and client in one process tree over loopback")
def loopback(stage: Stage) -> Iterator[Finding]:
    home = stage.street.house("home")
    server = serve(stage, home, address="127.0.0.1")
    client = stage.player(
        home, "gets", address="127.0.0.1", port=PORT, wishes=wish("/200/850", 20), is_fresh=True
    )
    stage.watch(server, client)
    stage.play(client)
    books = client.books()
    book = settle(stage, home, server)
    yield from by_book("the server", stage.end([server.process.pid], Role.SERVER), book)
    yield from at_client(stage, client, books)


@case("mixed sizes on one connection, both our own programs")
def own(stage: Stage) -> Iterator[Finding]:
    wishes = [
        *wish("/200/850", 5),
        *wish("/404/10", 5),
        *wish("/200/300000", 3),
        *wish("/201/5", 5, "POST", 100_000),
        *wish("/503/0", 2),
    ]
    yield from talk(stage, "gets", wishes=wishes)


@case("connections that a program inherits over exec")
def handing_down(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    server = stage.player(home, "handing_down", address=home.address, port=PORT, connections=3)
    server.ready()
    client = stage.player(
        away, "gets", address=home.address, port=PORT, wishes=wish("/200/850", 5), connections=3
    )
    stage.watch(server, client)
    stage.play(client)
    books = client.books()
    stage.follow(server)
    book = server.books()
    stage.drain()
    children = [pid for name, pid in book.items() if name.startswith("child_")]
    seen = stage.end(children, Role.SERVER)
    yield Finding("requests at the inheritors", 15, seen.http("requests"))
    moved = books["write_bytes"], books["read_bytes"]
    yield Finding("bytes read, written at the inheritors", moved, seen.bytes)
    yield from at_client(stage, client, books)


def babbled(stage: Stage, lines: list[bytes], times: int = 5) -> Iterator[Finding]:
    """Something that is no HTTP, to and fro; no message may be made up of it."""
    home, away = stage.neighbours()
    server = stage.player(home, "repeating", address=home.address, port=PORT)
    server.ready()
    words = [line.hex() for line in lines]
    client = stage.player(away, "babble", address=home.address, port=PORT, lines=words, times=times)
    stage.watch(server, client)
    stage.play(client)
    books = client.books()
    book = settle(stage, home, server)
    yield from by_book("the server", stage.end([server.process.pid], Role.SERVER), book)
    yield from at_client(stage, client, books)


@case("a protocol that is not HTTP (Redis's)")
def redis(stage: Stage) -> Iterator[Finding]:
    yield from babbled(stage, [b"PING\r\n", b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"] * 5)


@case("random bytes")
def garbage(stage: Stage) -> Iterator[Finding]:
    yield from babbled(stage, [bytes(range(256)) * 7, b"\0" * 3000, b"\xff" * 40, b"G"])
