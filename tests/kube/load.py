"""
What a large cluster costs: `python -m kube.load memory 100000`, `node 5000`, `churn 5000`; and what
an outage does: `outage 60`.

`memory` reads pods as the API writes them, page by page, and says what the directory holds in the
end. `churn` fills a real API server, starts to follow it, then deletes and creates every pod anew,
and asks all the while whether every address is called after the pod that has it. `outage` kills the
API server for so many seconds, in which it loses its history and pods change.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from kube import server
from kube.bad import wait_for
from kube.server import Object, Server
from podwire.kube import read, watch
from podwire.kube.api import HttpApi
from podwire.kube.directory import Directory
from podwire.kube.follow import PAGE
from podwire.kube.local import NodePods

WRITERS = 16


def page(first: int, count: int) -> bytes:
    """A page of a list with pods of the usual size: two containers, six variables each."""
    items = [_pod(number) for number in range(first, first + count)]
    return json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()


def _pod(number: int) -> Object:
    workload = f"service-{number // 10}"
    names = ("app", "sidecar")
    content = server.pod(
        f"{workload}-5d8f9c7b6-{number:06x}",
        f"namespace-{number // 1000}",
        address=address(number),
        node=f"node-{number // 50}",
        labels={"app": workload, "pod-template-hash": "5d8f9c7b6", "tier": "front", "team": "blue"},
        containers={name: f"containerd://{number:032x}{name[0] * 32}" for name in names},
        owner=server.controller("ReplicaSet", f"{workload}-5d8f9c7b6"),
    )
    content["metadata"] |= {"uid": f"{number:032x}-uid", "resourceVersion": str(number + 1)}
    for container in content["spec"]["containers"]:
        container["env"] = [{"name": f"VARIABLE_{n}", "value": "x" * 60} for n in range(6)]
    return content


def address(number: int) -> str:
    """One of ten million."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@dataclass(frozen=True)
class Memory:
    """What pods cost."""

    pods: int
    before_mb: float
    after_mb: float
    peak_mb: float
    took_s: float


def memory(pods: int, *, on_node: bool = False) -> Memory:
    """Read so many pods as a list brings them, into what the backend or an agent keeps."""
    table = NodePods().pods if on_node else Directory().pods
    reader = read.pod_with_containers if on_node else read.pod
    before_mb, began_s = _rss_mb(), time.monotonic()
    for first in range(0, pods, PAGE):
        content: dict[str, Any] = json.loads(page(first, min(PAGE, pods - first)))
        table.list([each for item in content["items"] if (each := reader(item))])
    assert len(table) == pods
    return Memory(pods, before_mb, _rss_mb(), _peak_mb(), time.monotonic() - began_s)


def _rss_mb() -> float:
    return float(psutil.Process(os.getpid()).memory_info().rss) / (1 << 20)


def _peak_mb() -> float:
    """Of this program alone: getrusage would tell its parent's, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


@dataclass(frozen=True)
class Churn:
    """What happened while pods came and went."""

    pods: int
    sync_s: float
    """From nothing to every name."""

    churn_s: float
    """In which every pod was deleted, and its address given to another."""

    settle_s: float
    """After the last write, until every address had its name."""

    asked: int
    wrong: int
    """Answers that named a pod which never had the address."""

    statistics: dict[str, int]


async def churn(api_server: Server, pods: int) -> Churn:
    """Fill, follow, and replace every pod, on one server."""
    api_server.put(server.namespace("churn"))
    with ThreadPoolExecutor(WRITERS) as writers:
        made = list(writers.map(lambda n: _create(api_server, "old", n), range(pods)))
        directory, began_s = Directory(), time.monotonic()
        async with HttpApi(api_server.access()) as api:
            followed = watch.of_cluster(api, directory)
            task = asyncio.create_task(followed.run())
            await wait_for(lambda: followed.is_synced, "every list", 120)
            sync_s = time.monotonic() - began_s
            assert _unnamed(directory, "old", pods) == 0
            asked, wrong, churn_s = await _replace(api_server, directory, writers, made)
            ended_s = time.monotonic()
            await wait_for(lambda: _unnamed(directory, "new", pods) == 0, "every new name", 120)
            settle_s = time.monotonic() - ended_s
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return Churn(pods, sync_s, churn_s, settle_s, asked, wrong, dict(followed.statistics()))


async def _replace(
    api_server: Server, directory: Directory, writers: ThreadPoolExecutor, made: Sequence[Object]
) -> tuple[int, int, float]:
    """Replace every pod while asking for every address, again and again."""

    def replace(number: int) -> None:
        api_server.delete(made[number])
        _create(api_server, "new", number)

    began_s, asked, wrong = time.monotonic(), 0, 0
    work = asyncio.gather(
        *(
            asyncio.get_running_loop().run_in_executor(writers, replace, number)
            for number in range(len(made))
        )
    )
    while not work.done():
        for number in range(len(made)):
            told = directory.name_of(address(number))
            asked += 1
            wrong += told not in {f"old-{number}.churn", f"new-{number}.churn"}
        await asyncio.sleep(0.1)
    await work
    return asked, wrong, time.monotonic() - began_s


@dataclass(frozen=True)
class Outage:
    """What a server that goes away does to names."""

    asked: int
    wrong: int
    """Answers that were not the last known name."""

    settle_s: float
    """After the server was back, until the new name was there and the old pod gone."""


async def outage(seconds: float) -> Outage:
    """One pod is replaced while nobody sees it; the other names must stay."""
    with server.running() as own:
        own.put(server.namespace("back"))
        for number, name in enumerate(("stays", "goes")):
            own.put(server.pod(name, "back", address=address(number)))
        directory = Directory()
        async with HttpApi(own.access()) as api:
            followed = watch.of_cluster(api, directory)
            task = asyncio.create_task(followed.run())
            await wait_for(lambda: len(directory.pods) == 2, "both pods")
            asked, wrong = await _away(own, directory, seconds)
            began_s = time.monotonic()
            await wait_for(lambda: directory.name_of(address(2)) == "came.back", "a name", 60)
            await wait_for(lambda: len(directory.pods) == 2, "the old pod gone", 60)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return Outage(asked, wrong, time.monotonic() - began_s)


async def _away(own: Server, directory: Directory, seconds: float) -> tuple[int, int]:
    """Kill, wait, change it elsewhere, and start it where it was: its history is gone then."""
    await asyncio.to_thread(own.kill)
    asked, wrong, until_s = 0, 0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        names = [directory.name_of(address(number)) for number in range(2)]
        asked, wrong = asked + 1, wrong + (names != ["stays.back", "goes.back"])
        await asyncio.sleep(0.1)
    port, own.url = own.url, "https://127.0.0.1:0"
    await asyncio.to_thread(own.start)
    gone = next(pod for pod in own.all_of("Pod") if pod["metadata"]["name"] == "goes")
    own.delete({**gone, "kind": "Pod"})
    own.put(server.pod("came", "back", address=address(2)))
    await asyncio.to_thread(own.kill)
    own.url = port
    await asyncio.to_thread(own.start)
    return asked, wrong


def _create(api_server: Server, kind: str, number: int) -> Object:
    return api_server.put(server.pod(f"{kind}-{number}", "churn", address=address(number)))


def _unnamed(directory: Directory, kind: str, pods: int) -> int:
    return sum(directory.name_of(address(n)) != f"{kind}-{n}.churn" for n in range(pods))


if __name__ == "__main__":
    what, count = sys.argv[1], int(sys.argv[2])
    if what == "churn":
        with server.running() as started:
            print(asyncio.run(churn(started, count)))
    elif what == "outage":
        print(asyncio.run(outage(count)))
    else:
        print(memory(count, on_node=what == "node"))
