"""
Every system call that moves bytes over a socket, one case each way.

The client sends each request by the one call and reads each answer by the other; both ends keep
their books.  Where a call has no user memory (sendfile, splice) it moves bodies.
"""

from collections.abc import Iterator
from typing import Any

from exact.case import PORT, Finding, Stage, case
from exact.ends import at_client, by_book, serve, settle
from exact.move import RECEIVERS, SENDERS
from podwire.model.flow import Role

TIMES = 5


def moved(stage: Stage, **calls: Any) -> Iterator[Finding]:
    """Our own server, and a client that moves bytes as it is told."""
    home, away = stage.neighbours()
    server = serve(stage, home)
    client = stage.player(
        away, "move", address=home.address, port=PORT, target="/200/850", times=TIMES, **calls
    )
    stage.watch(server, client)
    stage.play(client)
    books = client.books()
    book = settle(stage, home, server)
    yield from by_book("the server", stage.end([server.process.pid], Role.SERVER), book)
    yield from at_client(stage, client, books)


def enter(name: str, **calls: str) -> None:
    """A case of a call."""

    def run(stage: Stage) -> Iterator[Finding]:
        yield from moved(stage, **calls)

    run.__module__ = __name__
    case(name)(run)


for each in SENDERS:
    enter(f"requests by {each}", sender=each)
for each in RECEIVERS:
    enter(f"answers by {each}", receiver=each)
