"""
Cables that lose packets or take their time.

Packets are lost at the receiver's prerouting, where nftables counts them.  Retransmitted segments
by the sockets' own `total_retrans` where we hold the socket, by its namespace's `RetransSegs` where
nginx does.  Round trips by `TCP_INFO` at both ends.
"""

from collections.abc import Iterator
from typing import Any

from exact.answer import End
from exact.case import PORT, Bounds, Finding, Stage, case
from exact.ends import at_client, by_book, serve, served, settle, wish
from podwire.model.flow import Role

EVERY = 10
DATA = "meta l4proto tcp meta length > 100"
"""Packets with data: an acknowledgement with options is shorter."""


def lossy(
    stage: Stage, wishes: list[list[Any]], *, is_down: bool = False, is_up: bool = False
) -> Iterator[Finding]:
    """
    Our own client and server; of the packets with data one in ten is lost on its way.

    The first exchange is too small to lose anything: then the server has accepted.
    """
    home, away = stage.neighbours()
    server = serve(stage, home)
    receivers = [house for house, is_lossy in ((away, is_down), (home, is_up)) if is_lossy]
    for house in receivers:
        house.drop(DATA, EVERY)
    client = stage.player(away, "gets", address=home.address, port=PORT, wishes=wishes)
    stage.watch(server, client)
    stage.play(client, timeout_s=120)
    books = client.books()
    book = settle(stage, home, server)
    at_server = stage.end([server.process.pid], Role.SERVER)
    seen = stage.end([client.process.pid], Role.CLIENT)
    yield Finding("retransmits at the client", books["retransmits"], seen.sum("retransmit"))
    yield Finding("retransmits at the server", book["retransmits"], at_server.sum("retransmit"))
    dropped = sum(house.dropped() for house in receivers)
    assert dropped > 0
    yield Finding("drops at the client", dropped, seen.sum("drop"))
    yield Finding("drops at the server", dropped, at_server.sum("drop"))
    yield from by_book("the server", at_server, book)
    yield from at_client(stage, client, books)


@case("10 % loss server to client, 60 requests")
def loss_down(stage: Stage) -> Iterator[Finding]:
    yield from lossy(stage, wish("/200/850", 60), is_down=True)


@case("10 % loss server to client, 2 x 1 MB down")
def loss_down_bulk(stage: Stage) -> Iterator[Finding]:
    yield from lossy(stage, [*wish("/200/5"), *wish("/200/1000000", 2)], is_down=True)


@case("10 % loss client to server, 60 requests")
def loss_up(stage: Stage) -> Iterator[Finding]:
    yield from lossy(stage, wish("/200/850", 60, "POST", 50), is_up=True)


@case("10 % loss client to server, 2 x 1 MB up")
def loss_up_bulk(stage: Stage) -> Iterator[Finding]:
    wishes = [*wish("/200/5"), *wish("/200/850", 2, "POST", 1_000_000)]
    yield from lossy(stage, wishes, is_up=True)


@case("10 % loss both ways, 60 requests with a body")
def loss_both_ways(stage: Stage) -> Iterator[Finding]:
    yield from lossy(stage, wish("/200/850", 60, "POST", 400), is_down=True, is_up=True)


@case("data lost before the connection was accepted")
def loss_before_accept(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    server = serve(stage, home, accept_after_ms=100)
    home.drop(DATA, 1000, first=True)
    client = stage.player(
        away, "gets", address=home.address, port=PORT, wishes=wish("/200/850", 5, "POST", 400)
    )
    stage.watch(server, client)
    stage.play(client)
    books = client.books()
    book = settle(stage, home, server)
    at_server = stage.end([server.process.pid], Role.SERVER)
    seen = stage.end([client.process.pid], Role.CLIENT)
    yield Finding("retransmits at the client", books["retransmits"], seen.sum("retransmit"))
    yield Finding("drops at the client", home.dropped(), seen.sum("drop"))
    yield from by_book("the server", at_server, book)


@case("10 % loss nginx to client, 60 requests and 2 x 1 MB")
def loss_nginx(stage: Stage) -> Iterator[Finding]:
    nginx, away, _, _ = served(stage)
    away.drop(DATA, EVERY)
    wishes = [*wish(nginx.file(850), 60), *wish(nginx.file(1_000_000), 2)]
    client = stage.player(away, "gets", address=nginx.house.address, port=nginx.port, wishes=wishes)
    before = nginx.house.snmp()["RetransSegs"]
    stage.watch(nginx, client)
    stage.play(client, timeout_s=120)
    books = client.books()
    log = nginx.log(62)
    stage.drain()
    seen = stage.end(nginx.pids, Role.SERVER)
    retransmits = nginx.house.snmp()["RetransSegs"] - before
    yield Finding("retransmits at nginx", retransmits, seen.sum("retransmit"))
    yield Finding("drops at nginx", away.dropped(), seen.sum("drop"))
    yield Finding("bytes read, written at nginx", (log.received, log.sent), seen.bytes)
    yield from at_client(stage, client, books)


def delayed(stage: Stage, requests: int, *, is_fresh: bool) -> Iterator[Finding]:
    """
    An event loop and a client 50 ms apart.

    A sample is taken at each read and write.  The client's book has TCP_INFO before and after each
    call, so the mean lies between the means of the smaller and of the larger; nginx's log has it at
    the end of each request, so the mean lies between its smallest and its largest.
    """
    trace = stage.folder / "nginx-trace"
    nginx, away, _, _ = served(stage, stage.distant(25), trace=trace)
    client = stage.player(
        away,
        "gets",
        address=nginx.house.address,
        port=nginx.port,
        wishes=wish(nginx.file(850), requests),
        is_fresh=is_fresh,
    )
    stage.watch(nginx, client)
    stage.play(client)
    books = client.books()
    log = nginx.log(requests)
    stage.drain()
    pids = nginx.known
    nginx.close()
    seen, at_nginx = stage.end([client.process.pid], Role.CLIENT), stage.end(pids, Role.SERVER)
    calls = books["reads"] + books["writes"]
    yield Finding("round trip samples at the client", calls, seen.sum("rtt"))
    low_us, high_us = books["rtt_low_us"] // calls, -(-books["rtt_high_us"] // calls)
    truth = Bounds(low_us / 1000, high_us / 1000)  # as whole as the mean that is told
    yield Finding("round trip at the client, ms", truth, mean_ms(seen))
    yield Finding("round trip samples at nginx", sum(nginx.traced().calls), at_nginx.sum("rtt"))
    truth = Bounds(min(log.rtts_us) / 1000, max(log.rtts_us) / 1000)
    yield Finding("round trip at nginx, ms", truth, mean_ms(at_nginx))
    yield Finding("bytes read, written at nginx", (log.received, log.sent), at_nginx.bytes)
    yield from at_client(stage, client, books)


def mean_ms(seen: End) -> float:
    """The mean of an end's round trips."""
    return round(seen.sum("rtt", "time") / max(1, seen.sum("rtt")) / 1000, 3)


@case("50 ms delay, 30 requests")
def delay(stage: Stage) -> Iterator[Finding]:
    yield from delayed(stage, 30, is_fresh=False)


@case("50 ms delay, 10 short connections")
def delay_short(stage: Stage) -> Iterator[Finding]:
    yield from delayed(stage, 10, is_fresh=True)


@case("50 ms delay and 10 % loss, 40 requests")
def delay_and_loss(stage: Stage) -> Iterator[Finding]:
    home, away = stage.distant(25)
    server = serve(stage, home)
    away.drop(DATA, EVERY)
    client = stage.player(
        away, "gets", address=home.address, port=PORT, wishes=wish("/200/850", 40)
    )
    stage.watch(server, client)
    stage.play(client)
    books = client.books()
    book = settle(stage, home, server)
    seen = stage.end([server.process.pid], Role.SERVER)
    yield Finding("retransmits at the server", book["retransmits"], seen.sum("retransmit"))
    yield Finding("drops at the server", away.dropped(), seen.sum("drop"))
    yield from by_book("the server", seen, book)
    yield from at_client(stage, client, books)
