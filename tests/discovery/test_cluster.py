"""Processes in control groups of every runtime, named by what a real API server says."""

import asyncio
import contextlib
import itertools
import os
import subprocess
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from discovery.cgroups import SPELLINGS, UNIFIED, V1, Spelling, group, process
from kube import server
from kube.bad import wait_for
from kube.server import Object, Server
from podwire.capture import Births
from podwire.discovery.kubernetes import Cluster, Here
from podwire.kube import watch
from podwire.kube.api import HttpApi
from podwire.kube.local import NodePods
from podwire.model.process import Process

pytestmark = pytest.mark.root

HERE = Here("host-1", "10.0.0.1")
CGROUPFS = SPELLINGS["containerd, cgroupfs"]
namespaces = (f"found-{n}" for n in itertools.count())


def fresh_id() -> str:
    """A container's id as runtimes draw them."""
    return uuid.uuid4().hex + uuid.uuid4().hex


def shop_pod(
    api_server: Server, containers: dict[str, str], name: str = "web-1", **more: object
) -> Object:
    """A pod of the service `web`, in a namespace of its own."""
    namespace = next(namespaces)
    api_server.put(server.namespace(namespace))
    api_server.put(server.service("web", namespace, {"app": "web"}))
    labels = {"app": "web", **more.pop("labels", {})}  # type: ignore[dict-item]
    return api_server.put(
        server.pod(
            name,
            namespace,
            address="10.4.0.1",
            node="node-d",
            labels=labels,
            containers=containers,
            **more,  # type: ignore[arg-type]
        )
    )


@contextlib.asynccontextmanager
async def discovering(api_server: Server, wire: Births | None = None) -> AsyncIterator[Cluster]:
    """The agent's discovery on node-d, its pods listed."""
    async with HttpApi(api_server.access()) as api:
        pods = NodePods()
        cluster = Cluster(pods, HERE, wire=wire)
        pods.changed = cluster.poke
        found = watch.of_node(api, "node-d", pods)
        task = asyncio.create_task(found.run())
        try:
            await wait_for(lambda: found.is_synced, "every list")
            yield cluster
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def of(found: list[Process], pid: int) -> list[Process]:
    return [each for each in found if each.pid == pid]


def names(found: list[Process]) -> list[tuple[str, str, str, str]]:
    return [
        (each.entity.layer, each.entity.service, each.entity.instance, each.entity.process)
        for each in found
    ]


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("root", [UNIFIED, V1], ids=["v2", "v1"])
async def test_a_process_is_called_what_its_pod_is(
    api_server: Server, spelling: Spelling, root: Path | None
) -> None:
    """Whatever way the runtime spells the group: layer, service, instance and process."""
    if root is None:
        pytest.skip("this system has no v1 hierarchy")
    container = fresh_id()
    pod = shop_pod(api_server, {"app": f"containerd://{container}"})
    path = spelling(pod["metadata"]["uid"], container)
    with group(path, root) as folder, process(folder) as running:
        async with discovering(api_server) as cluster:
            found = of(cluster.scan(), running.pid)

    service = f"web.{pod['metadata']['namespace']}"
    assert [("K8S_SERVICE", service, "web-1", "sleep")] == names(found)
    assert ("k8s-service",) == found[0].entity.labels


async def test_properties_come_in_the_wire_s_order(api_server: Server) -> None:
    """Seven of them, as readers know them (contract 1.1)."""
    container = fresh_id()
    pod = shop_pod(api_server, {"app": f"containerd://{container}"})
    with group(CGROUPFS(pod["metadata"]["uid"], container)) as folder, process(folder) as running:
        async with discovering(api_server) as cluster:
            (found,) = of(cluster.scan(), running.pid)

    assert (
        ("host_ip", "10.0.0.1"),
        ("container_ip", "10.4.0.1"),
        ("container_name", "app"),
        ("pod_name", "web-1"),
        ("pid", str(running.pid)),
        ("command_line", "/bin/sleep 60"),
        ("support_ebpf_profiling", "false"),
    ) == found.properties


async def test_a_meshed_process_has_every_name_that_fits(api_server: Server) -> None:
    """Istio's proxy is of the data plane, what is behind it of the mesh; both of the service."""
    app, proxy = fresh_id(), fresh_id()
    containers = {"app": f"containerd://{app}", "istio-proxy": f"containerd://{proxy}"}
    canonical = {"service.istio.io/canonical-name": "shop-front"}
    pod = shop_pod(api_server, containers, labels=canonical)
    uid, namespace = pod["metadata"]["uid"], pod["metadata"]["namespace"]
    with (
        group(CGROUPFS(uid, app)) as one,
        group(CGROUPFS(uid, proxy)) as two,
        process(one) as program,
        process(two) as envoy,
    ):
        async with discovering(api_server) as cluster:
            found = cluster.scan()

    mesh, service = f"shop-front.{namespace}", f"web.{namespace}"
    assert [
        ("MESH", mesh, "web-1", "sleep"),
        ("K8S_SERVICE", service, "web-1", "sleep"),
    ] == names(of(found, program.pid))
    assert [
        ("MESH_DP", mesh, "web-1", "sleep"),
        ("K8S_SERVICE", service, "web-1", "sleep"),
    ] == names(of(found, envoy.pid))


async def test_a_pod_on_the_host_s_network_is_told_by_its_group(api_server: Server) -> None:
    """Two pods share the node's address; each process is its own pod's."""
    ids = {name: fresh_id() for name in ("one", "two")}
    with contextlib.ExitStack() as stack:
        wanted = {}
        for name, container in ids.items():
            containers = {"app": f"containerd://{container}"}
            pod = shop_pod(api_server, containers, name=name, host_network=True)
            folder = stack.enter_context(group(CGROUPFS(pod["metadata"]["uid"], container)))
            wanted[stack.enter_context(process(folder)).pid] = name
        async with discovering(api_server) as cluster:
            found = cluster.scan()

    assert wanted == {each.pid: each.entity.instance for each in found if each.pid in wanted}


async def test_init_and_ephemeral_containers_are_found(api_server: Server) -> None:
    """Every kind of container a pod has."""
    init, debug = fresh_id(), fresh_id()
    pod = shop_pod(api_server, {"app": ""})
    status = {
        "initContainerStatuses": server.statuses({"init": f"containerd://{init}"}),
        "ephemeralContainerStatuses": server.statuses({"debug": f"containerd://{debug}"}),
    }
    api_server.patch_status(pod, status)
    uid = pod["metadata"]["uid"]
    with (
        group(CGROUPFS(uid, init)) as one,
        group(CGROUPFS(uid, debug)) as two,
        process(one) as first,
        process(two) as second,
    ):
        async with discovering(api_server) as cluster:
            found = cluster.scan()

    containers = {
        each.pid: dict(each.properties)["container_name"]
        for each in found
        if each.pid in (first.pid, second.pid)
    }
    assert {first.pid: "init", second.pid: "debug"} == containers


async def test_processes_that_no_pod_owns_are_nobody_s(api_server: Server) -> None:
    """A container outside Kubernetes, a pod's pause program, a group that only looks like one."""
    pod = shop_pod(api_server, {"app": f"containerd://{fresh_id()}"})
    uid = pod["metadata"]["uid"]
    paths = (
        f"docker/{fresh_id()}",
        f"kubepods/besteffort/pod{uid}/{fresh_id()}",
        f"kubepods/besteffort/pod{uid}/crio-conmon-{fresh_id()}.scope",
        "system.slice/ssh.service",
    )
    with contextlib.ExitStack() as stack:
        folders = [stack.enter_context(group(path)) for path in paths]
        pids = {stack.enter_context(process(folder)).pid for folder in folders}
        async with discovering(api_server) as cluster:
            assert not pids & {each.pid for each in cluster.scan()}


async def test_a_process_is_named_100_ms_after_its_exec(api_server: Server) -> None:
    """
    From before the fork to a name, woken by the kernel alone: twenty times, one by one.

    A busy machine pauses in some of them; what podwire itself takes is in the quickest.
    """
    container = fresh_id()
    pod = shop_pod(api_server, {"app": f"containerd://{container}"})
    took_ms = []
    wire = Births()
    with group(CGROUPFS(pod["metadata"]["uid"], container)) as folder:
        async with discovering(api_server, wire) as cluster, looking(cluster) as seen_s:
            for _ in range(20):
                began_s = time.monotonic()
                with process(folder) as running:
                    await wait_for(lambda pid=running.pid: pid in seen_s, "a name")  # type: ignore[misc]
                    took_ms.append((seen_s[running.pid] - began_s) * 1000)
    wire.close()

    print("fork to name, ms:", [round(each) for each in sorted(took_ms)])
    assert sorted(took_ms)[4] <= 100


@contextlib.asynccontextmanager
async def looking(cluster: Cluster) -> AsyncIterator[dict[int, float]]:
    """Look whenever there are news, as the agent does; when each pid was first named."""
    seen_s: dict[int, float] = {}

    async def look() -> None:
        while True:
            for each in await asyncio.to_thread(cluster.scan):
                seen_s.setdefault(each.pid, time.monotonic())
            await cluster.wait(3600)

    task = asyncio.create_task(look())
    try:
        yield seen_s
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_container_that_the_kubelet_has_not_told_of_is_named(api_server: Server) -> None:
    """The pod's uid is in the group: a container that lives one second has its name at once."""
    pod = shop_pod(api_server, {"app": ""})
    container = fresh_id()
    with group(CGROUPFS(pod["metadata"]["uid"], container)) as folder, process(folder) as running:
        async with discovering(api_server) as cluster:
            before = of(cluster.scan(), running.pid)
            told = server.statuses({"app": f"containerd://{container}"})
            api_server.patch_status(pod, {"containerStatuses": told})
            await cluster.wait(10)
            after = of(cluster.scan(), running.pid)

    assert "web-1" == before[0].entity.instance
    assert before == after


async def test_a_change_in_the_cluster_renames_what_runs(api_server: Server) -> None:
    """A service that is made later names the processes that were there before it."""
    container = fresh_id()
    pod = shop_pod(api_server, {"app": f"containerd://{container}"}, labels={"tier": "front"})
    namespace = pod["metadata"]["namespace"]
    with group(CGROUPFS(pod["metadata"]["uid"], container)) as folder, process(folder) as running:
        async with discovering(api_server) as cluster:
            cluster.scan()
            api_server.put(server.service("fe", namespace, {"tier": "front"}))
            async with asyncio.timeout(60):
                while [f"fe.{namespace}"] != services(cluster, running.pid):
                    await cluster.wait(60)


def services(cluster: Cluster, pid: int) -> list[str]:
    """What a process is called for now."""
    return [each.entity.service for each in of(cluster.scan(), pid)]


async def test_exec_renames_and_exit_removes(api_server: Server) -> None:
    """One pid, two programs: each has its own name, and in the end none."""
    container = fresh_id()
    pod = shop_pod(api_server, {"app": f"containerd://{container}"})
    script = ("/bin/sh", "-c", "read line; exec sleep 60")
    wire = Births()
    with group(CGROUPFS(pod["metadata"]["uid"], container)) as folder:
        async with discovering(api_server, wire) as cluster:
            with process(folder, script) as running:
                shell = Path("/bin/sh").resolve().name
                await until(cluster, running.pid, {"sh", shell})
                os.write(running.stdin.fileno(), b"\n")  # type: ignore[union-attr]
                await until(cluster, running.pid, {"sleep"})
            await until(cluster, running.pid, set())
    wire.close()


async def until(cluster: Cluster, pid: int, names: set[str]) -> None:
    """Look whenever there are news, until a pid has one of these names; none for gone."""
    async with asyncio.timeout(60):
        while True:
            found = {each.entity.process for each in of(cluster.scan(), pid)}
            if found <= names and bool(found) == bool(names):
                return
            await cluster.wait(1)


async def test_waiting_for_more_news_costs_nothing(api_server: Server) -> None:
    """From the first news to the look nothing runs: ten waits of 20 ms each take few of CPU."""
    wire = Births()
    async with discovering(api_server, wire) as cluster:
        spent_s = 0.0
        for _ in range(10):
            cluster.scan()
            await asyncio.to_thread(subprocess.run, ["true"])
            began_s = time.thread_time()
            await cluster.wait(1)
            spent_s += time.thread_time() - began_s
    wire.close()

    assert spent_s < 0.1, spent_s
