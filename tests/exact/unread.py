"""
TLS that cannot be read: what crosses is counted to the byte, and the reason has a name.

The clients ask nginx, whose end of the same connections is read.  Calls and bytes are strace's,
requests nginx's log, the number of connections is counted by the kernel of nginx's namespace.
"""

from collections.abc import Iterator

from exact.case import Finding, Stage, case
from exact.nginx import Logged
from exact.plaintext import SIZES, Truth, crossed, nginx_of, read_through
from exact.sealed import FOREIGN, lacks_cargo, lacks_java, rust_program, stripped
from podwire.model.flow import Role
from podwire.model.tls import Reason, blame

WISHES = [word for size in SIZES for word in ("GET", f"/{size}", "0")]


def unread(stage: Stage, command: list[str], why: Reason) -> Iterator[Finding]:
    """A client over one connection, whose library has no places to read at."""
    nginx, away = nginx_of(stage)
    where = (nginx.house.address, str(nginx.port), "keep")
    client = stage.program(away, [*command, "get", *where, *WISHES], trace=True)
    client.ready()
    read_through(stage, nginx, client)
    _, reason = blame(stage.kernel.libraries()[client.process.pid])
    stage.play(client)
    truth = Truth.logged(nginx.log(len(SIZES)), Logged({}, 0, 0, 0, []))
    stage.drain()
    yield from truth.compared("the server", stage.end(nginx.pids, Role.SERVER))
    seen = stage.end(client.known, Role.CLIENT)
    yield from Truth({}, (0, 0), 0).compared("the client", seen)
    unseen = sum(flow.tls.connections - flow.tls.readable for flow in seen.flows)
    opened = nginx.opened
    yield Finding("connections unread at the client", opened, unseen)
    yield Finding("why", why.value, reason.value)
    yield from crossed(stage, nginx, client, nginx.port, opened)


@case("TLS unread: nginx, a stripped program with OpenSSL in it")
def without_symbols(stage: Stage) -> Iterator[Finding]:
    yield from unread(stage, stripped(), Reason.STRIPPED)


@case("TLS unread: nginx, Java", lacks=lacks_java())
def java(stage: Stage) -> Iterator[Finding]:
    yield from unread(stage, ["java", str(FOREIGN / "Sealed.java")], Reason.COMPILED)


@case("TLS unread: nginx, rustls", seconds=300, lacks=lacks_cargo())
def rustls(stage: Stage) -> Iterator[Finding]:
    yield from unread(stage, rust_program(), Reason.INLINED)
