"""
Times, against the clocks of the programs themselves.

An exchange at the client lasts no longer than from before its first call to after its last, and no
shorter than from after its first call to before its last.  At nginx it lasts what the log says,
which counts whole milliseconds.  A call lasts no longer than the program's clock around it.
"""

from collections.abc import Iterator

from exact.case import Bounds, Finding, Stage, case
from exact.ends import served, wish
from exact.ordinary import back
from podwire.model.flow import Role

MS = 1_000_000


def timed(
    stage: Stage, target: str, requests: int, *, connections: int = 1, pause_ms: float = 0
) -> Iterator[Finding]:
    """Durations at both ends; nginx asks the server behind it, which may be slow."""
    nginx, away, _, _ = served(stage)
    client = stage.player(
        away,
        "gets",
        address=nginx.house.address,
        port=nginx.port,
        wishes=wish(target, requests),
        connections=connections,
        pause_ms=pause_ms,
    )
    stage.watch(nginx, client)
    stage.play(client)
    books = client.books()
    total = requests * connections
    log = nginx.log(total)
    stage.drain()
    seen, at_nginx = (
        stage.end([client.process.pid], Role.CLIENT),
        stage.end(nginx.pids, Role.SERVER),
    )
    truth = Bounds(books["inner_ns"] / total / MS, books["outer_ns"] / total / MS)
    mean = seen.http("duration_ns") / total / MS
    yield Finding("mean duration at the client, ms", truth, round(mean, 4))
    truth = Bounds((log.request_ms - total) / total, (log.request_ms + total) / total)
    mean = at_nginx.http("duration_ns") / total / MS
    yield Finding("mean duration at nginx, ms", truth, round(mean, 4))
    for name, operation in (("write", "write"), ("read", "read"), ("connect", "connect")):
        spent = seen.sum(operation, "time") / MS
        truth = Bounds(0, books[f"{name}_ns"] / MS)
        yield Finding(f"time in {name} at the client, ms", truth, round(spent, 4))


@case("durations at 15/s")
def steady(stage: Stage) -> Iterator[Finding]:
    yield from timed(stage, back(200, 850), 30, pause_ms=60)


@case("durations flat out, 8 connections")
def hurried(stage: Stage) -> Iterator[Finding]:
    yield from timed(stage, back(200, 850), 60, connections=8)


@case("durations with a slow upstream (250 ms)")
def slow(stage: Stage) -> Iterator[Finding]:
    yield from timed(stage, back(200, 850, "slow_ms=250"), 6)
