"""
TLS, inside: the requests of encrypted connections, read where a library hands over plaintext.

Messages and statuses are nginx's log or a client's own book; what crosses the socket is ciphertext
and is counted as bytes and calls by strace.  A client keeps one connection (keep), makes one a
request (fresh), uses ten at once (ten), sends all before it reads (piped), or has used its only one
before anybody watched (older).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from exact.answer import End
from exact.case import PORT, Finding, Stage, case
from exact.ends import Books, served, statuses
from exact.house import House, wait
from exact.nginx import Logged, Nginx, certify
from exact.process import Process
from exact.sealed import PACKAGES, PROGRAMS, program
from exact.secure import enciphered
from podwire.model.flow import Role

SIZES = (1, 850, 30_000, 1_000_000)
SHAPES = ("keep", "fresh", "ten", "piped", "older")

BLOCKING = {"OpenSSL 3", "OpenSSL 1.1", "static OpenSSL", "GnuTLS", "Go", "Go, stripped"}
"""
Who waits for the peer inside the library's read.  A read that waits there already when its library
is first probed returns unseen: a server's next answer lacks its request, a client's request its
answer, once a connection, and that is said by name.
"""

IN_MEMORY = {"asyncio", "Node"}
"""
Whose library never touches a socket.  Which one an older session uses is known from its second
exchange on; what it read and wrote before is said by name.
"""


def wishes(taker: str = "") -> list[str]:
    """Bodies of 1 B to 1 MB both ways, and one target that there is not."""
    down = [word for size in SIZES for word in ("GET", f"/{size}", "0")]
    up = [word for size in SIZES for word in ("POST", f"{taker}/850", str(size))]
    return [*down, *up, "GET", "/nowhere", "0"]


COUNT = len(wishes()) // 3
PIPED = [word for size in SIZES[:3] for word in ("GET", f"/{size}", "0")] * 3
"""Requests that are sent before any answer is read: few enough bytes not to wait for each other."""

CONNECTIONS = {"keep": 1, "fresh": COUNT, "ten": 10, "piped": 1}
"""That each shape opens while it is watched."""


@dataclass(frozen=True)
class Truth:
    """The messages of one end."""

    statuses: dict[int, int]
    sizes: tuple[int, int]
    """Bytes of requests and of responses."""

    requests: int

    @classmethod
    def logged(cls, log: Logged, before: Logged) -> "Truth":
        """By nginx's log since then."""
        found = {status: n - before.statuses.get(status, 0) for status, n in log.statuses.items()}
        sizes = log.received - before.received, log.sent - before.sent
        return cls(found, sizes, sum(found.values()))

    @classmethod
    def booked(cls, books: Books) -> "Truth":
        """By a client's book."""
        found = statuses(books)
        return cls(found, (books["request_bytes"], books["response_bytes"]), sum(found.values()))

    @classmethod
    def told(cls, lines: list[list[int]]) -> "Truth":
        """By curl: of each exchange the status, the request, the answer's head and its body."""
        asked, answered = sum(line[1] for line in lines), sum(sum(line[2:]) for line in lines)
        return cls(dict(Counter(line[0] for line in lines)), (asked, answered), len(lines))

    def without(self, asked: int, answered: int) -> "Truth":
        """The same without one answer of 200, and its request unless that has no size."""
        sizes = self.sizes[0] - asked, self.sizes[1] - answered
        found = {**self.statuses, 200: self.statuses[200] - 1}
        return Truth(found, sizes, self.requests - bool(asked))

    def compared(self, who: str, seen: End) -> Iterator[Finding]:
        """With what podwire says of that end."""
        yield Finding(f"requests at {who}", self.requests, seen.http("requests"))
        yield Finding(f"statuses at {who}", self.statuses, seen.statuses)
        yield Finding(f"request, response bytes at {who}", self.sizes, seen.messages)


def read_through(stage: Stage, *processes: Process) -> None:
    """Watch them, and let their libraries be found."""
    stage.watch(*processes)
    assert stage.kernel.tls
    stage.kernel.tls.look()
    assert stage.kernel.tls.wait(60)


def nginx_of(stage: Stage) -> tuple[Nginx, House]:
    """An nginx with a certificate and files, and where its clients live."""
    nginx, away, _, _ = served(stage, tls=True, trace=stage.folder / "nginx-trace")
    for size in SIZES:
        nginx.file(size)
    return nginx, away


def against_nginx(stage: Stage, name: str, shape: str, *, late_ms: int = 0) -> Iterator[Finding]:
    """A client of nginx; both ends are compared with nginx's log."""
    nginx, away = nginx_of(stage)
    where = (nginx.house.address, str(nginx.port), shape)
    command = [*program(name), "get", *where, *wishes("/back/200")]
    client = stage.program(away, command, trace=True, late_ms=late_ms)
    client.ready()
    wait("what came before to be logged", lambda: nginx.log_lines().requests == (shape == "older"))
    before = nginx.log_lines()
    read_through(stage, nginx, client)
    stage.play(client)
    truth = at_client = Truth.logged(
        nginx.log(before.requests + COUNT * (10 if shape == "ten" else 1)), before
    )
    stage.drain()
    if shape == "older" and name in IN_MEMORY:
        at_client = truth.without(*nginx.sizes(1))
        stage.known_losses = {"http_unpaired": 1, "tls_unplaced": 1}
    if shape == "older" and name.startswith("Go"):  # its reader is a goroutine of its own
        at_client = truth.without(0, nginx.sizes(1)[1])
        stage.known_losses = {"http_forgotten": 1}
    yield from compared(stage, nginx, client, truth, at_client)
    if shape != "older":
        yield from crossed(stage, nginx, client, nginx.port, CONNECTIONS[shape])


def asked_by_python(stage: Stage, name: str, shape: str) -> Iterator[Finding]:
    """A server, asked by a client that keeps a book of what it sends and gets."""
    home, away = stage.neighbours()
    certify(stage.folder)
    keys = [str(stage.folder / each) for each in ("chain.pem", "key.pem")]
    where = (home.address, str(PORT))
    server = stage.program(home, [*program(name), "serve", *where, *keys], trace=True)
    server.ready()
    chosen = PIPED if shape == "piped" else wishes()
    ask = [*program("Python"), "get", *where, shape, *chosen]
    client = stage.program(away, ask, trace=True)
    client.ready()
    read_through(stage, server, client)
    stage.play(client)
    books = client.books()
    stage.rest(home, server)
    truth = at_server = Truth.booked(books)
    if shape == "older" and name in BLOCKING | IN_MEMORY:
        first = books["first_request_bytes"], books["first_response_bytes"]
        at_server = truth.without(*first)
        unread, unplaced = {"http_unpaired": 1}, {"tls_unplaced": 2}
        stage.known_losses = unread if name in BLOCKING else unplaced
    yield from compared(stage, server, client, at_server, truth)
    if shape != "older":
        yield from crossed(stage, server, client, PORT, CONNECTIONS[shape])


def compared(
    stage: Stage, server: Process, client: Process, at_server: Truth, at_client: Truth
) -> Iterator[Finding]:
    """The plaintext of both ends."""
    yield from at_server.compared("the server", stage.end(server.pids, Role.SERVER))
    yield from at_client.compared("the client", stage.end(client.known, Role.CLIENT))


def crossed(
    stage: Stage, server: Process, client: Process, port: int, opened: int
) -> Iterator[Finding]:
    """The ciphertext of both ends; the server ends, and strace with it."""
    pids = server.pids
    server.close()
    seen = stage.end(pids, Role.SERVER), stage.end(client.known, Role.CLIENT)
    yield from enciphered("the server", seen[0], server.traced(port), opened)
    yield from enciphered("the client", seen[1], client.traced(), opened)


def enter(name: str, shape: str) -> None:
    """The cases of one library: its client of nginx, and its server."""
    package = PACKAGES.get(name, "")

    if shape not in ("ten", "piped") or (shape, name) == ("ten", "Python"):

        @case(f"TLS inside: nginx, {name} client, {shape}", package=package)
        def as_client(stage: Stage) -> Iterator[Finding]:
            yield from against_nginx(stage, name, shape)

    if name != "Python":

        @case(f"TLS inside: {name} server, Python client, {shape}", package=package)
        def as_server(stage: Stage) -> Iterator[Finding]:
            yield from asked_by_python(stage, name, shape)


for each in PROGRAMS:
    for shape in SHAPES:
        enter(each, shape)


@case("TLS inside: nginx, Go client whose writes return after their answers")
def late(stage: Stage) -> Iterator[Finding]:
    """One goroutine writes, another one reads the answer and closes meanwhile."""
    yield from against_nginx(stage, "Go", "fresh", late_ms=20)


def others(stage: Stage, library: str, command: list[str], requests: int) -> Iterator[Finding]:
    """A client of nginx that we did not write; one that has its library open is watched, too."""
    nginx, away = nginx_of(stage)
    url = f"https://{nginx.house.address}:{nginx.port}"
    words = [word.replace("URL", url).replace("HOST", nginx.house.address) for word in command]
    where = (nginx.house.address, str(nginx.port), "keep")
    holder = stage.program(away, [*program(library), "get", *where, *wishes()[:3]])
    holder.ready()
    client = stage.program(away, words, trace=True)
    read_through(stage, nginx, holder, client)
    stage.play(client)
    truth = Truth.logged(nginx.log(requests), Logged({}, 0, 0, 0, []))
    stage.drain()
    yield from compared(stage, nginx, client, truth, truth)
    yield from crossed(stage, nginx, client, nginx.port, 1)


KEYS = {"cert": "chain", "key": "key"}
CURL_BOOK = "%{http_code} %{size_request} %{size_header} %{size_download}\\n"
STOOD_BY = ("127.0.0.1", str(PORT), "keep", *wishes()[:3])
"""It asks nobody: it has its library open, so that this is found before a client opens it."""

FILES = ("URL/1", "URL/850", "URL/30000", "URL/1000000")


@case("TLS inside: nginx, curl")
def curl(stage: Stage) -> Iterator[Finding]:
    outputs = [word for url in FILES for word in ("-o", "/dev/null", url)]
    yield from others(stage, "OpenSSL 3", ["curl", "-s", "-k", "--http1.1", *outputs], len(FILES))


@case("TLS inside: nginx, wget")
def wget(stage: Stage) -> Iterator[Finding]:
    """It ends with its connection open, and calls no close."""
    options = ("-q", "-O", "/dev/null", "--no-check-certificate")
    yield from others(stage, "GnuTLS", ["wget", *options, *FILES], len(FILES))


@case("TLS inside: nginx, openssl s_client")
def s_client(stage: Stage) -> Iterator[Finding]:
    text = stage.folder / "request"
    text.write_text("GET /850 HTTP/1.0\r\n\r\n")
    ask = f"exec openssl s_client -quiet -connect HOST:80 <{text} >/dev/null 2>&1"
    yield from others(stage, "OpenSSL 3", ["sh", "-c", ask], 1)


@case("TLS inside: nginx, gnutls-cli")
def gnutls_cli(stage: Stage) -> Iterator[Finding]:
    text = stage.folder / "request"
    text.write_text("GET /850 HTTP/1.0\r\n\r\n")
    ask = f"exec gnutls-cli --insecure -p 80 HOST <{text} >/dev/null 2>&1"
    yield from others(stage, "GnuTLS", ["sh", "-c", ask], 1)


@case("TLS inside: gnutls-serv, curl, three connections")
def gnutls_serv(stage: Stage) -> Iterator[Finding]:
    """Its answers last until it closes; curl keeps a book of the bytes of each message."""
    home, away = stage.neighbours()
    certify(stage.folder)
    keys = [f"--x509{kind}file={stage.folder / name}.pem" for kind, name in KEYS.items()]
    say = f"exec gnutls-serv --http --quiet --port={PORT} {' '.join(keys)} >/dev/null 2>&1"
    server = stage.program(home, ["sh", "-c", say], trace=True)
    server.say()
    home.wait_listening(PORT)
    holder = stage.program(away, [*program("OpenSSL 3"), "get", *STOOD_BY])
    holder.ready()
    urls = ["-o", "/dev/null", f"https://{home.address}:{PORT}/"] * 3
    client = stage.program(away, ["curl", "-s", "-k", "-w", CURL_BOOK, *urls], trace=True)
    before = home.snmp()["PassiveOpens"]
    read_through(stage, server, holder, client)
    stage.play(client)
    truth = Truth.told([list(map(int, line.split())) for line in client.output().splitlines()])
    stage.rest(home, server)
    yield from compared(stage, server, client, truth, truth)
    yield from crossed(stage, server, client, PORT, home.snmp()["PassiveOpens"] - before)
