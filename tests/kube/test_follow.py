"""What a server may do wrong, and what a follower makes of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from kube import bad
from kube.bad import BadServer, bad_server, wait_for
from podwire.kube.api import HttpApi
from podwire.kube.directory import Directory
from podwire.kube.follow import Follower, Pace, Resource
from podwire.kube.read import pod
from podwire.model.cluster import Pod

FAST = Pace(first_s=0.01, longest_s=0.05, settled_s=0.1)


@contextlib.asynccontextmanager
async def following(
    server: BadServer, directory: Directory, page: int = 500
) -> AsyncIterator[Follower[Pod]]:
    """Follow pods in the background."""
    async with HttpApi(server.access) as api:
        follower = Follower(
            api, Resource("pods", "/api/v1/pods", pod), directory.pods, pace=FAST, page=page
        )
        task = asyncio.create_task(follower.run())
        try:
            yield follower
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.mark.parametrize(
    ("answer", "count", "says"),
    [
        (bad.status(401, "Unauthorized"), "failed_http_401", "401: Unauthorized"),
        (bad.status(403, "cannot list pods"), "failed_http_403", "403: cannot list pods"),
        (bad.status(429, "slow down"), "failed_http_429", "429: slow down"),
        (bad.status(500, "etcd is away"), "failed_http_500", "500: etcd is away"),
        (bad.raw(b"<html>a proxy</html>"), "failed_garbled", "not JSON"),
        (bad.raw(b"[1, 2]"), "failed_garbled", "no object"),
        (bad.raw(b"[" * 100_000), "failed_garbled", "not JSON"),
        (bad.raw(b'{"metadata": {}, "items": 3}'), "failed_garbled", "no items"),
        (bad.raw(b'{"items": []}'), "failed_garbled", "no version"),
        (bad.CUT, "failed_unreachable", "127.0.0.1"),
        (b"not even HTTP\r\n\r\n", "failed_unreachable", "127.0.0.1"),
    ],
)
async def test_a_failing_server_is_named_and_asked_again(
    answer: bad.Answer, count: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the server does, it is counted by its kind, said once, and names come later."""
    directory = Directory()
    async with (
        bad_server(answer, answer, bad.page(bad.pod("web", 5, "10.0.0.5"))) as server,
        following(server, directory) as follower,
    ):
        await wait_for(lambda: directory.name_of("10.0.0.5") is not None, "the name")

    assert "web.shop" == directory.name_of("10.0.0.5")
    assert 2 == follower.condition.counts[count]
    assert ["not up to date" in line for line in caplog.messages] == [True, False]
    assert says in caplog.messages[0]


async def test_retry_after_is_obeyed() -> None:
    """A server that asks for a second gets it."""
    busy = bad.status(429, headers=["Retry-After: 1"])
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    async with bad_server(busy, bad.page()) as server, following(server, Directory()) as follower:
        await wait_for(lambda: follower.condition.is_synced, "the list")

    assert loop.time() - began_s >= 1


async def test_names_outlive_the_server() -> None:
    """While the server fails, what was known stays known, and its state says so."""
    directory = Directory()
    lists = [bad.page(bad.pod("web", 5, "10.0.0.5")), *[bad.status(500)] * 50]
    async with bad_server(*lists) as server, following(server, directory) as follower:
        await wait_for(lambda: follower.condition.counts["failed_http_500"] > 3, "failures")

    assert "web.shop" == directory.name_of("10.0.0.5")
    assert "500: no" == follower.condition.state


async def test_a_list_comes_in_pages() -> None:
    """Each page asks with the token of the one before, and all of them count."""
    directory = Directory()
    first = bad.page(bad.pod("a", 1, "10.0.0.1"), token="next")
    async with (
        bad_server(first, bad.page(bad.pod("b", 2, "10.0.0.2"))) as server,
        following(server, directory, page=1) as follower,
    ):
        await wait_for(lambda: follower.condition.is_synced, "the list")

    assert ["a.shop", "b.shop"] == [directory.name_of(f"10.0.0.{n}") for n in (1, 2)]
    assert "limit=1&continue=next" in server.requests[1]


@pytest.mark.parametrize(
    "gone",
    [bad.status(410, "too old"), bad.events(("ERROR", {"code": 410, "message": "too old"}))],
)
async def test_a_version_that_is_gone_makes_a_new_list(gone: bytes) -> None:
    """What was deleted while nobody watched is gone after it, and what is new is there."""
    directory = Directory()
    old, new = bad.pod("old", 5, "10.0.0.5"), bad.pod("new", 20, "10.0.0.6")
    async with (
        bad_server(bad.page(old), gone, bad.page(new, version="20")) as server,
        following(server, directory) as follower,
    ):
        await wait_for(
            lambda: [pod.name for pod in directory.pods.values()] == ["new"], "the new one alone"
        )

    assert 1 == follower.condition.counts["failed_gone"]


async def test_a_watch_goes_on_from_the_last_version() -> None:
    """An end of stream is ordinary: no new list, and the bookmark's version is the next start."""
    mark = ("BOOKMARK", {"metadata": {"resourceVersion": "77"}})
    async with (
        bad_server(bad.page(), bad.events(mark)) as server,
        following(server, Directory()) as follower,
    ):
        await wait_for(lambda: len(server.requests) == 3, "the second watch")

    assert "resourceVersion=77" in server.requests[2]
    assert 1 == follower.condition.counts["lists"]


async def test_events_may_repeat_and_come_in_any_order() -> None:
    """The newest state of each pod holds, and a late word of a deleted one does not revive it."""
    directory = Directory()
    told = (
        ("MODIFIED", bad.pod("a", 13, "10.0.0.3")),
        ("MODIFIED", bad.pod("a", 12, "10.0.0.2")),
        ("ADDED", bad.pod("a", 11, "10.0.0.1")),
        ("MODIFIED", bad.pod("a", 13, "10.0.0.3")),
        ("ADDED", bad.pod("b", 14, "10.0.0.4")),
        ("DELETED", bad.pod("b", 16, "10.0.0.4")),
        ("MODIFIED", bad.pod("b", 15, "10.0.0.4")),
        ("DELETED", bad.pod("b", 16, "10.0.0.4")),
    )
    async with (
        bad_server(bad.page(), bad.events(*told)) as server,
        following(server, directory) as follower,
    ):
        await wait_for(lambda: follower.condition.counts["events"] == len(told), "events")

    assert [("a", ("10.0.0.3",))] == [(p.name, p.addresses) for p in directory.pods.values()]
    assert 3 == directory.pods.stale


async def test_what_is_no_pod_is_counted_and_left_out() -> None:
    """Garbage among good objects costs only itself."""
    directory = Directory()
    garbage = [None, 3, {}, {"metadata": {"name": "no uid"}}, {"metadata": [], "status": 1}]
    async with (
        bad_server(
            bad.page(*garbage, bad.pod("web", 5, "10.0.0.5")),
            bad.events(("ADDED", 7), ("NONSENSE", bad.pod("x", 6)), ("ADDED", bad.pod("y", 7))),
        ) as server,
        following(server, directory) as follower,
    ):
        await wait_for(lambda: len(directory.pods) == 2, "both pods")

    assert 6 == follower.condition.counts["unreadable"]
    assert 1 == follower.condition.counts["unknown_events"]


async def test_an_endless_event_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line without end costs no more memory than the limit."""
    monkeypatch.setattr("podwire.kube.api.EVENT_LIMIT", 100_000)
    async with (
        bad_server(bad.page(), bad.raw(b"x" * 1_000_000), bad.page()) as server,
        following(server, Directory()) as follower,
    ):
        await wait_for(lambda: follower.condition.counts["lists"] == 2, "the second list")

    assert 1 == follower.condition.counts["failed_garbled"]


async def test_a_server_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is never answered ends after its time and is asked anew."""
    monkeypatch.setattr("podwire.kube.api.LIST_TIMEOUT_S", 0.2)
    async with (
        bad_server(bad.HANG, bad.page()) as server,
        following(server, Directory()) as follower,
    ):
        await wait_for(lambda: follower.condition.is_synced, "the list")

    assert 1 == follower.condition.counts["failed_unreachable"]


async def test_a_server_that_ends_every_watch_is_not_hammered() -> None:
    """Watches that end at once come further and further apart."""
    async with (
        bad_server(bad.page(), *[bad.events()] * 100) as server,
        following(server, Directory()),
    ):
        await asyncio.sleep(0.5)  # what is counted is how often it asked in this time

    assert len(server.requests) < 30
