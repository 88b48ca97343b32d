"""
Sampled requests.

Each request has a target of its own, and the target says what the server answers and how long it
waits: which are picked, why, and every byte of both messages are known before anything is asked.
Where the machine itself kept a request waiting for a second, by the client's clock, it may be
picked, too.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from exact.ask import LONG, SECOND_NS, request
from exact.case import PORT, Bounds, Finding, Stage, case
from exact.ends import serve, settle, wish
from podwire.agent.sample.rule import reason_of
from podwire.model.exchange import Exchange, RecordPolicy
from podwire.model.flow import Role
from podwire.model.task import SamplingRule, SamplingSettings

SLOW_MS = SECOND_NS // 1_000_000
"""What a rule calls slow; a slow target waits half as long again, no other waits at all."""

RULE = SamplingRule(
    min_duration_ms=SLOW_MS,
    when_4xx=True,
    when_5xx=True,
    settings=SamplingSettings(require_complete_request=True, require_complete_response=True),
)
POLICY = RecordPolicy(least_ms=SLOW_MS, when_4xx=True, when_5xx=True)
SLOW = f"slow_ms={SLOW_MS * 3 // 2}"


def numbered(wishes: Sequence[list[Any]]) -> list[list[Any]]:
    """The same with a number in each target, so that none is like another."""
    return [
        [method, f"{target}{'&' if '?' in target else '?'}n={number}", body]
        for number, (method, target, body) in enumerate(wishes)
    ]


def true_reason(target: str) -> str | None:
    """Why a target is picked, by what it asks for."""
    status = int(urlsplit(target).path.split("/")[1])
    if status >= 400:
        return f"status_{status // 100}xx"
    return "slow" if "slow_ms" in parse_qs(urlsplit(target).query) else None


def messages(wished: list[Any]) -> tuple[bytes, bytes]:
    """Every byte of a request and its answer."""
    method, target, body = wished
    _, status, size = urlsplit(target).path.split("/")
    head = f"HTTP/1.1 {status} Something\r\nContent-Length: {size}\r\n\r\n"
    return b"".join(request(target, method, body)), head.encode() + b"x" * int(size)


def picked(stage: Stage, wishes: list[list[Any]], **settings: Any) -> Iterator[Finding]:
    """Our own client and server, both watched and recorded, and what was picked at each."""
    home, away = stage.neighbours()
    server = serve(stage, home)
    wishes = numbered(wishes)
    client = stage.player(away, "gets", address=home.address, port=PORT, wishes=wishes, **settings)
    stage.watch(server, client)
    stage.kernel.record({pid: POLICY for each in (server, client) for pid in each.pids})
    stage.play(client)
    books = client.books()
    settle(stage, home, server)
    exchanges, times = stage.kernel.exchanges(), int(settings.get("connections", 1))
    true = Counter({messages(each): times for each in wishes if true_reason(each[1])})
    stalled = Counter({messages(each): books.get(f"{LONG} {each[1]}", 0) for each in wishes}) - true
    for who, role in (("the client", Role.CLIENT), ("the server", Role.SERVER)):
        found = [e for e in exchanges if e.key.role is role]
        yield from reasoned(who, found, wishes, times, stalled.total())
        said = Counter((each.request.data, each.response.data) for each in found)
        yield Finding(f"false samples at {who}", 0, (said - true - stalled).total())
        yield Finding(f"samples missing at {who}", 0, (true - said).total())


def reasoned(
    who: str, found: Sequence[Exchange], wishes: list[list[Any]], times: int, stalled: int
) -> Iterator[Finding]:
    """How many were picked for each reason; whom the machine kept waiting may be slow, too."""
    reasons = Counter(true_reason(each[1]) for each in wishes)
    for reason in sorted(reason for reason in reasons if reason):
        said = sum(reason_of(RULE, e.status, e.duration_ms) == reason for e in found)
        true = reasons[reason] * times
        is_open = stalled and reason == "slow"
        yield Finding(
            f"{reason} sampled at {who}", Bounds(true, true + stalled) if is_open else true, said
        )


@case("sampled: flat out over 16 connections, 3 slow and 2 failed on each")
def flat_out(stage: Stage) -> Iterator[Finding]:
    rest = wish("/200/850", 40)
    wishes = [
        *rest,
        *wish(f"/200/850?{SLOW}"),
        *rest,
        *wish("/404/10"),
        *wish(f"/201/5?{SLOW}", 1, "POST", 3000),
        *rest,
        *wish("/503/20000"),
        *wish(f"/200/30000?{SLOW}"),
        *rest,
    ]
    yield from picked(stage, wishes, connections=16)


@case("sampled: 60 x 404 in under a second")
def many(stage: Stage) -> Iterator[Finding]:
    yield from picked(stage, wish("/404/850", 60))


@case("sampled: 10 x 404 and 10 x 500 among 60")
def among(stage: Stage) -> Iterator[Finding]:
    wishes = [one for _ in range(10) for one in (*wish("/200/850", 4), ["GET", "/404/9", 0])]
    yield from picked(stage, [*wishes, *wish("/500/9", 10)])


@case("sampled: 2 x 1 MB up, slow")
def uploads(stage: Stage) -> Iterator[Finding]:
    yield from picked(stage, wish(f"/200/5?{SLOW}", 2, "POST", 1_000_000))


@case("sampled: 5 uploads after 30 downloads of other bytes")
def others(stage: Stage) -> Iterator[Finding]:
    downloads = [*wish("/200/850", 10), *wish("/200/20000", 20)]
    yield from picked(stage, [*downloads, *wish("/500/7", 5, "POST", 3000)])
