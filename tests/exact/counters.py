"""
TCP's own counters, against TCP_INFO.

The client reads TCP_INFO of its connections when nothing moves any more; podwire drains, the client
reads again, sees that nothing has moved meanwhile, and only then closes.  Times are ticks of the
kernel's clock on both sides, so they are equal, too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from exact.answer import End
from exact.cable import DATA, EVERY
from exact.case import PORT, Finding, Stage, case
from exact.ends import serve, wish
from exact.house import House, wait
from exact.process import Process
from podwire.model.flow import Role

SAID = {
    "bytes_acked": "bytes acknowledged",
    "bytes_received": "bytes received",
    "segs_out": "segments sent",
    "segs_in": "segments received",
    "delivered": "segments delivered",
}
TIMES = {
    "busy_time": ("busy_ns", "time with something to send"),
    "rwnd_limited": ("rwnd_limited_ns", "time waiting for the peer's window"),
    "sndbuf_limited": ("sndbuf_limited_ns", "time waiting for room in the send buffer"),
}
COLUMNS = {"segs_out": "segments_out", "segs_in": "segments_in"}


def held(stage: Stage, home: House, server: Process, client: Process) -> Iterator[Finding]:
    """Let a client do what it does, look while it holds its connections, and compare."""
    stage.watch(server, client)
    client.ready()
    stage.drain()
    seen = stage.end([client.process.pid], Role.CLIENT)
    client.say()
    yield from compared(client.books(), seen)
    wait("the server to have closed", lambda: not home.sockets(PORT))
    stage.drain()  # for the laws


def compared(books: Mapping[str, int], seen: End) -> Iterator[Finding]:
    """Each counter of TCP_INFO."""
    for name, what in SAID.items():
        yield Finding(f"{what} at the client", books[name], seen.tcp(COLUMNS.get(name, name)))
    retransmits = books["total_retrans"]
    yield Finding("retransmits at the client", retransmits, seen.sum("retransmit"))
    for name, (column, what) in TIMES.items():
        yield Finding(f"{what}, us", books[name], seen.tcp(column) // 1000)


def asked(stage: Stage, wishes: list[list[object]], connections: int = 1) -> Iterator[Finding]:
    """Requests to our own server, on cables that may have been made to lose packets."""
    home, away = stage.neighbours()
    server = serve(stage, home)
    client = stage.player(
        away,
        "holding",
        address=home.address,
        port=PORT,
        wishes=wishes,
        connections=connections,
    )
    yield from held(stage, home, server, client)


@case("TCP_INFO of one connection, 40 requests")
def one(stage: Stage) -> Iterator[Finding]:
    yield from asked(stage, wish("/200/850", 40))


@case("TCP_INFO of 5 connections, bodies of every size both ways")
def several(stage: Stage) -> Iterator[Finding]:
    mixed = [*wish("/200/5"), *wish("/200/300000", 2), *wish("/201/40", 2, "POST", 200_000)]
    yield from asked(stage, mixed, connections=5)


@case("TCP_INFO with 10 % loss client to server, 2 x 1 MB up")
def lossy(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    server = serve(stage, home)
    home.drop(DATA, EVERY)
    wishes = [*wish("/200/5"), *wish("/200/850", 2, "POST", 1_000_000)]
    client = stage.player(away, "holding", address=home.address, port=PORT, wishes=wishes)
    yield from held(stage, home, server, client)
    assert home.dropped() > 0


def pushed(
    stage: Stage, home: House, away: House, *, after_ms: int, **settings: Any
) -> Iterator[Finding]:
    """Bytes that are no HTTP, one way, to a server that begins to read them so much later."""
    server = stage.player(home, "swallowing", address=home.address, port=PORT, after_ms=after_ms)
    server.ready()
    client = stage.player(away, "pushing", address=home.address, port=PORT, **settings)
    yield from held(stage, home, server, client)


@case("TCP_INFO with a server that reads late, 4 MB up")
def late(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    found = list(pushed(stage, home, away, after_ms=400, size=4_000_000))
    yield from shown("rwnd_limited", found)


def shown(name: str, found: list[Finding]) -> Iterator[Finding]:
    """The findings of a case that is there to show this time: TCP_INFO must have some."""
    _, what = TIMES[name]
    assert next(each for each in found if what in each.quantity).truth != 0
    yield from found


@case("TCP_INFO with 100 ms delay and a send buffer of few segments, 40 kB up")
def narrow(stage: Stage) -> Iterator[Finding]:
    """
    Fewer than the congestion window lets out: it is the buffer that is waited for.

    The kernel says so only of a socket that sends its last segment while its program waits already;
    a pace that is slower than the program makes it so.
    """
    home, away = stage.distant(50)
    found = list(pushed(stage, home, away, after_ms=0, size=40_000, buffer=4_096, pace=60_000))
    yield from shown("sndbuf_limited", found)
