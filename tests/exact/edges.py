"""Messages at the edges of HTTP/1."""

from collections.abc import Iterator

from exact.answer import End
from exact.case import PORT, Finding, Stage, case
from exact.ends import at_client, at_nginx, by_book, serve, served, settle, talk, visit, wish
from exact.ordinary import back, both_ends
from podwire.model.flow import Role


@case("HEAD")
def head(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, [*wish("/850", 5, "HEAD"), *wish("/850", 5)] * 2)


@case("request head in two sends")
def two_sends(stage: Stage) -> Iterator[Finding]:
    yield from visit(stage, "pieces", "850", requests=10, cuts=[30], times=10)


@case("request's first 24 bytes one by one")
def byte_by_byte(stage: Stage) -> Iterator[Finding]:
    yield from visit(stage, "pieces", "850", requests=3, cuts=list(range(1, 25)), times=3)


@case("pipelined, 5 x 4")
def pipelined(stage: Stage) -> Iterator[Finding]:
    yield from visit(stage, "pipelined", "850", requests=20, depth=4, times=5)


@case("Expect: 100-continue")
def expecting(stage: Stage) -> Iterator[Finding]:
    target = back(200, 40)
    yield from visit(stage, "expecting", target, requests=5, body=3000, times=5)


@case("chunked request body")
def chunked(stage: Stage) -> Iterator[Finding]:
    yield from visit(stage, "chunked", back(200, 40), requests=5, times=5)


@case("sendmsg of head and body")
def gathered(stage: Stage) -> Iterator[Finding]:
    yield from visit(stage, "gathered", back(200, 40), requests=10, body=100, times=10)


@case("client gives up after 150 ms (nginx logs 499)")
def give_up(stage: Stage) -> Iterator[Finding]:
    target = back(200, 40, "slow_ms=400")
    yield from visit(stage, "give_up", target, requests=5, unanswered=5, wait_ms=150, times=5)


@case("half a request, then close")
def half(stage: Stage) -> Iterator[Finding]:
    yield from talk(stage, "half", target="/200/850")


@case("answer read 16 bytes at a time")
def tiny_reads(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish("/850", 5), size=16)


@case("IPv6")
def ipv6(stage: Stage) -> Iterator[Finding]:
    nginx, away, _, _ = served(stage)
    client = stage.player(
        away,
        "gets",
        address=nginx.house.address6,
        port=nginx.port,
        wishes=wish(nginx.file(850), 10),
    )
    stage.watch(nginx, client)
    stage.play(client)
    books = client.books()
    yield from at_nginx(stage, nginx, 10)
    yield from at_client(stage, client, books)
    seen = stage.end([client.process.pid], Role.CLIENT)
    yield Finding("peer's address at the client", nginx.house.address6, " ".join(seen.peers))
    seen = stage.end(nginx.pids, Role.SERVER)
    yield Finding("peer's address at nginx", away.address6, " ".join(seen.peers))


@case("IPv4 control")
def ipv4(stage: Stage) -> Iterator[Finding]:
    yield from both_ends(stage, wish("/850", 10))


@case("IPv4 peer of an IPv6 socket (mapped)")
def mapped(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    server = serve(stage, home, address="::")
    client = stage.player(
        away, "gets", address=home.address, port=PORT, wishes=wish("/200/850", 10)
    )
    stage.watch(server, client)
    stage.play(client)
    books = client.books()
    book = settle(stage, home, server)
    seen = stage.end([server.process.pid], Role.SERVER)
    yield from by_book("the server", seen, book)
    yield from at_client(stage, client, books)
    yield Finding("peer's address at the server", away.address, " ".join(seen.peers))


@case("answers of 850 to 200,244 bytes, three each")
def sizes(stage: Stage) -> Iterator[Finding]:
    bodies = (612, 1_002, 3_002, 10_004, 20_004, 30_004, 100_006, 200_006)
    yield from both_ends(stage, [one for size in bodies for one in wish(f"/{size}", 3)])


@case("answers of 850 to 200,244 bytes by writes, three each")
def written_sizes(stage: Stage) -> Iterator[Finding]:
    bodies = (612, 1_002, 3_002, 10_004, 20_004, 30_004, 100_006, 200_006)
    wishes = [one for size in bodies for one in wish(f"/{size}", 3)]
    yield from both_ends(stage, wishes, sendfile=False)


@case("requests of 220 to 200,282 bytes, three each")
def request_sizes(stage: Stage) -> Iterator[Finding]:
    bodies = (120, 3_000, 30_000, 200_000)
    yield from both_ends(
        stage, [one for size in bodies for one in wish(back(200, 40), 3, "POST", size)]
    )


@case("204 and 304")
def bodiless(stage: Stage) -> Iterator[Finding]:
    wishes = [one for status in (204, 304, 200) for one in wish(f"/{status}/70", 4)] * 2
    yield from talk(stage, "gets", wishes=wishes)


@case("answer until the connection ends")
def until_close(stage: Stage) -> Iterator[Finding]:
    yield from talk(stage, "gets", wishes=wish("/200/5000?until_close=1", 5), is_fresh=True)


@case("chunked answers in many sizes")
def chunked_answers(stage: Stage) -> Iterator[Finding]:
    cuts = {1: 400, 9: 4000, 700: 4000, 70_000: 200_000}
    wishes = [one for step, size in cuts.items() for one in wish(f"/200/{size}?chunked={step}", 3)]
    yield from talk(stage, "gets", wishes=wishes)


@case("answer before the request's body has ended")
def early(stage: Stage) -> Iterator[Finding]:
    yield from talk(stage, "early", target="/200/40?early=1", body=20_000, times=5)


@case("upgrade")
def upgrade(stage: Stage) -> Iterator[Finding]:
    yield from talk(stage, "tunnel", method="GET", target="/101/0", times=5)


@case("CONNECT")
def connect(stage: Stage) -> Iterator[Finding]:
    yield from talk(stage, "tunnel", method="CONNECT", target="exact.test:1", times=5)


@case("reset in the middle of an answer")
def reset(stage: Stage) -> Iterator[Finding]:
    times = 5
    yield from talk(stage, "reset", target="/200/5000000", times=times)
    for role, what in ((Role.CLIENT, "resets_sent"), (Role.SERVER, "resets_received")):
        seen = End([flow for flow in stage.flows if flow.key.role is role])
        who = f"{what.replace('_', ' ')} at the {role.name.lower()}"
        yield Finding(who, times, seen.tcp(what))


@case("reset when everything was read")
def reset_idle(stage: Stage) -> Iterator[Finding]:
    times = 5
    yield from talk(stage, "reset_idle", target="/200/850", times=times)
    seen = End([flow for flow in stage.flows if flow.key.role is Role.CLIENT])
    read, written = seen.bytes
    crossed = seen.tcp("bytes_received"), seen.tcp("bytes_acked")
    told = read, written + times  # a SYN is acknowledged, too
    yield Finding("bytes by TCP's own account at the client", told, crossed)


@case("half-close, then the answer")
def half_close(stage: Stage) -> Iterator[Finding]:
    yield from talk(stage, "half_close", target="/200/50000", times=5)
