"""Large clusters and a server that goes away: `kube.load` is the same at full size."""

import asyncio
import contextlib
import subprocess
import sys

from kube import load, server
from kube.bad import wait_for
from kube.server import Server, running
from podwire.kube import watch
from podwire.kube.api import HttpApi
from podwire.kube.directory import Directory
from podwire.kube.follow import Pace

FAST = Pace(first_s=0.1, longest_s=0.5)


def test_a_pod_costs_the_backend_less_than_two_kilobytes() -> None:
    """So that 100,000 of them fit in 300 MB with all else."""
    assert _grown_mb("load.memory(20_000)") * (1 << 20) / 20_000 < 2048


def test_five_thousand_pods_cost_an_agent_less_than_thirty_megabytes() -> None:
    """All of one node, with their containers; what was read on the way included."""
    assert _grown_mb("load.memory(5_000, on_node=True)", "peak_mb") < 30


def _grown_mb(what: str, to: str = "after_mb") -> float:
    """By how much a program of its own grows."""
    script = f"from kube import load; it = {what}; print(it.{to} - it.before_mb)"
    command = (sys.executable, "-c", f"import sys; sys.path[:0] = ['tests', '.']; {script}")
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def test_names_are_right_while_pods_come_and_go(api_server: Server) -> None:
    """Every pod is replaced by another at its address: no answer is ever of a third."""
    found = await load.churn(api_server, 150)

    assert 0 == found.wrong
    assert found.asked > 0
    assert 1 == found.statistics["pods_lists_total"]


async def test_a_server_that_comes_back_has_its_names_again() -> None:
    """Killed, changed unseen, its history gone: the old names until then, the right ones after."""
    with running() as own:
        own.put(server.namespace("back"))
        for name, address in (("stays", "10.6.0.1"), ("goes", "10.6.0.2")):
            own.put(server.pod(name, "back", address=address))
        directory = Directory()
        async with HttpApi(own.access()) as api:
            followed = watch.of_cluster(api, directory, FAST)
            task = asyncio.create_task(followed.run())
            await wait_for(lambda: directory.name_of("10.6.0.2") == "goes.back", "a name")
            await _outage(own, directory, followed)
            await wait_for(lambda: directory.name_of("10.6.0.3") == "came.back", "a new name")
            await wait_for(lambda: len(directory.pods) == 2, "the old pod gone")
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    assert "stays.back" == directory.name_of("10.6.0.1")
    assert followed.statistics()["pods_failed_gone_total"] >= 1


async def _outage(own: Server, directory: Directory, followed: watch.Watch) -> None:
    """Kill the server; start it again, change it, and start it anew so that it has no history."""
    await asyncio.to_thread(own.kill)
    await wait_for(lambda: "127.0.0.1" in followed.states()["pods"], "the failure is seen")
    assert "stays.back" == directory.name_of("10.6.0.1")
    assert "goes.back" == directory.name_of("10.6.0.2")
    port, own.url = own.url, "https://127.0.0.1:0"
    await asyncio.to_thread(own.start)  # elsewhere: the follower must miss what happens now
    gone = next(pod for pod in own.all_of("Pod") if pod["metadata"]["name"] == "goes")
    own.delete({**gone, "kind": "Pod"})
    own.put(server.pod("came", "back", address="10.6.0.3"))
    await asyncio.to_thread(own.kill)
    own.url = port
    await asyncio.to_thread(own.start)
