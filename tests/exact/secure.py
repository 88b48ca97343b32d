"""
TLS: what crosses the socket is ciphertext, and is counted as bytes and calls.

The calls of both ends are strace's.  A peek (nginx looks at the first byte of each connection) is
no read.  What is inside stands under "TLS, inside".
"""

from collections.abc import Iterator
from pathlib import Path

from exact.answer import End
from exact.case import PORT, Finding, Stage, case
from exact.ends import served, wish
from exact.nginx import certify
from exact.process import Process
from exact.trace import Traced
from podwire.model.flow import Role


def enciphered(who: str, seen: End, truth: Traced, connections: int) -> Iterator[Finding]:
    """One end of TLS connections."""
    yield Finding(f"calls that read, wrote at {who}", truth.calls, seen.calls)
    yield Finding(f"bytes read, written at {who}", truth.bytes, seen.bytes)
    ends = connections, truth.closes
    yield Finding(f"opened, closed at {who}", ends, seen.opened_closed)
    secured = End([flow for flow in seen.flows if flow.key.tls])
    yield Finding(f"opened and told as TLS at {who}", connections, secured.sum("connect"))


def over_nginx(stage: Stage, scene: str, requests: int, *, is_fresh: bool) -> Iterator[Finding]:
    """A client of an nginx with a certificate."""
    nginx, away, _, _ = served(stage, tls=True, trace=stage.folder / "nginx-trace")
    client = stage.player(
        away,
        scene,
        trace=True,
        address=nginx.house.address,
        port=nginx.port,
        wishes=wish(nginx.file(850), requests),
        is_fresh=is_fresh,
    )
    stage.watch(nginx, client)
    stage.play(client)
    books = client.books()
    nginx.log(requests)
    stage.drain()
    yield from ended(stage, nginx, client, nginx.opened)
    yield Finding("answers that the client had", requests, books["responses"])


def ended(stage: Stage, server: Process, client: Process, opened: int) -> Iterator[Finding]:
    """End the server, and compare both ends with what strace saw of them."""
    pids = server.pids
    server.close()
    at_server, at_client = stage.end(pids, Role.SERVER), stage.end(client.known, Role.CLIENT)
    yield from enciphered("the server", at_server, server.traced(), opened)
    yield from enciphered("the client", at_client, client.traced(), opened)


@case("TLS keep-alive, 30")
def keep_alive(stage: Stage) -> Iterator[Finding]:
    yield from over_nginx(stage, "secured", 30, is_fresh=False)


@case("TLS, 10 connections")
def connections(stage: Stage) -> Iterator[Finding]:
    yield from over_nginx(stage, "secured", 10, is_fresh=True)


@case("openssl s_server, openssl s_client")
def openssl(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    certify(stage.folder)
    at = f"{home.address}:{PORT}"
    server = served_by_openssl(stage, home.address)
    text = stage.folder / "request"
    text.write_text("GET /request HTTP/1.0\r\n\r\n")
    ask = f"exec openssl s_client -quiet -connect {at} <{text} >/dev/null 2>&1"
    client = stage.program(away, ["sh", "-c", ask], trace=True)
    before = home.snmp()["PassiveOpens"]
    stage.watch(server, client)
    stage.play(client)
    yield from both_idle(stage, server, client, home.snmp()["PassiveOpens"] - before)


def served_by_openssl(stage: Stage, address: str) -> Process:
    """A server that sends files of the stage's folder over TLS."""
    folder: Path = stage.folder
    house = stage.street.houses[0]
    keys = ("-cert", str(folder / "chain.pem"), "-key", str(folder / "key.pem"))
    say = f"cd {folder}; exec openssl s_server -accept {address}:{PORT} -WWW -quiet"
    server = stage.program(house, ["sh", "-c", f"{say} {' '.join(keys)}"], trace=True)
    server.say()
    house.wait_listening(PORT)
    return server


def both_idle(stage: Stage, server: Process, client: Process, opened: int) -> Iterator[Finding]:
    """The client has ended; wait for the server to have closed."""
    stage.rest(stage.street.houses[0], server)
    yield from ended(stage, server, client, opened)


@case("openssl s_server, curl, three connections")
def openssl_curl(stage: Stage) -> Iterator[Finding]:
    home, away = stage.neighbours()
    certify(stage.folder)
    (stage.folder / "file").write_bytes(b"x" * 100_000)
    server = served_by_openssl(stage, home.address)
    urls = [
        word
        for _ in range(3)
        for word in ("-o", "/dev/null", f"https://{home.address}:{PORT}/file")
    ]
    client = stage.program(away, ["curl", "-s", "-k", "--http1.1", *urls], trace=True)
    before = home.snmp()["PassiveOpens"]
    stage.watch(server, client)
    stage.play(client)
    yield from both_idle(stage, server, client, home.snmp()["PassiveOpens"] - before)
