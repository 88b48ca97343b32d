"""The shop opens, counts, closes, and leaves nothing; also when it is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from podwire.demo import leftover
from podwire.demo.ledger import Ledger
from podwire.demo.shopkeeper import Shop

pytestmark = pytest.mark.root
OPEN_FOREVER = """
import asyncio
from podwire.demo.shopkeeper import Shop

async def main() -> None:
    async with Shop() as shop:
        print(shop.name, flush=True)
        await shop.run()

asyncio.run(main())
"""


def traces(name: str) -> list[str]:
    """Everything on this system that carries a demo's name."""
    namespaces = [str(path) for path in Path("/run/netns").glob(f"{name}*")]
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if name in line]
    files = [str(path) for path in (Path("/run/podwire") / f"{name}.json", Path("/var/tmp") / name)]
    files = [path for path in files if Path(path).exists()]
    return [*namespaces, *mounts, *files, *(f"pid {pid}" for pid in leftover.children(name))]


def wait(is_true: Callable[[], bool], timeout_s: float = 60) -> None:
    """Poll until true; the time is only for what would never come, on the slowest machine."""
    deadline_s = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


async def ledger_of(seconds: float) -> tuple[str, Ledger]:
    """Run the shop; its name and its books."""
    async with Shop() as shop:
        assert {"web", "payments", "orders", "gateway"} == shop.pids.keys()
        assert traces(shop.name)
        await shop.run(seconds)
        return shop.name, await shop.stop()


async def test_both_ends_of_every_edge_wrote_the_same_sums() -> None:
    """Both books, nginx's log and Node's socket totals agree; packets were lost."""
    name, ledger = await ledger_of(4)

    front, calls, answers, web, payments = (seen.account for seen in ledger.seen)
    for account, other in ((front, "client"), (web, "web")):
        told = ledger.others[other]
        statuses = {f"status_{code}": count for code, count in account.http.statuses.items()}
        assert statuses == {key: told[key] for key in told if key.startswith("status_")}
        assert account.http.requests == told["requests"]
    assert (front.read.bytes, front.write.bytes) == (
        ledger.others["client"]["written_bytes"],
        ledger.others["client"]["read_bytes"],
    )
    for account, told in ((web, ledger.others["web"]), (payments, ledger.others["payments"])):
        assert (account.write.bytes, account.read.bytes) == (
            told["read_bytes"],
            told["written_bytes"],
        )
    assert (calls.http.requests, calls.http.statuses) == (
        answers.http.requests,
        answers.http.statuses,
    )
    assert (calls.write.bytes, calls.read.bytes) == (answers.read.bytes, answers.write.bytes)
    assert front.http.request_bytes == front.read.bytes
    assert {"200", "201", "404", "500"} == front.http.statuses.keys()
    assert front.retransmits > 0
    assert ledger.seen[0].lost > 0
    assert [] == traces(name)


def test_a_killed_shop_is_removed_by_the_next_start() -> None:
    """SIGKILL leaves namespaces and a folder; its programs die with it, the rest goes next time."""
    with subprocess.Popen(
        [sys.executable, "-c", OPEN_FOREVER], stdout=subprocess.PIPE, text=True
    ) as keeper:
        assert keeper.stdout
        name = keeper.stdout.readline().strip()
        wait(lambda: len(list(leftover.children(name))) == 5)
        keeper.kill()
    assert any("netns" in trace for trace in traces(name))
    wait(lambda: not list(leftover.children(name)))

    removed = leftover.remove_all()

    assert name in removed
    assert [] == traces(name)


def test_a_living_shop_is_left_alone() -> None:
    """Two demos at once do not remove each other."""
    with subprocess.Popen(
        [sys.executable, "-c", OPEN_FOREVER], stdout=subprocess.PIPE, text=True
    ) as keeper:
        assert keeper.stdout
        name = keeper.stdout.readline().strip()
        assert name not in leftover.remove_all()
        assert traces(name)
        keeper.kill()
    wait(lambda: not list(leftover.children(name)))
    leftover.remove_all()


async def test_a_stop_in_the_middle_leaves_nothing() -> None:
    """An error while the shop is open closes it."""
    names = []

    async def stumble() -> None:
        async with Shop() as shop:
            names.append(shop.name)
            raise KeyError

    with pytest.raises(KeyError):
        await stumble()

    assert [] == traces(names[0])


def test_an_identity_is_a_pid_and_its_start() -> None:
    """A pid alone may be another's by now."""
    assert leftover.start_ticks_or_none(os.getpid())
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        sleeper.send_signal(signal.SIGKILL)
        wait(lambda: leftover.start_ticks_or_none(sleeper.pid) is None)
