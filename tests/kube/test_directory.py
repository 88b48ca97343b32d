"""Names for addresses at the backend, from what a real API server says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from kube import server
from kube.bad import wait_for
from kube.server import Server
from podwire.kube import watch
from podwire.kube.api import HttpApi
from podwire.kube.directory import LINGER_S, Directory
from podwire.kube.read import pod as read_pod
from podwire.kube.watch import Watch
from podwire.model.cluster import Pod


@contextlib.asynccontextmanager
async def watching(api_server: Server, directory: Directory) -> AsyncIterator[Watch]:
    """Follow the whole cluster, synced."""
    async with HttpApi(api_server.access()) as api:
        found = watch.of_cluster(api, directory)
        task = asyncio.create_task(found.run())
        try:
            await wait_for(lambda: found.is_synced, "every list")
            yield found
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def named(directory: Directory, address: str, name: str | None) -> None:
    """Wait until an address has a name."""
    await wait_for(lambda: directory.name_of(address) == name, f"{address} being {name}")


async def test_pods_and_services_are_called_as_skywalking_calls_them(api_server: Server) -> None:
    """`<pod>.<namespace>` by the pod's address, `<service>.<namespace>` by the service's own."""
    api_server.put(server.namespace("names"))
    api_server.put(server.pod("web-7d4f9-x", "names", address="10.2.0.1"))
    made = api_server.put(server.service("web", "names", {"app": "web"}))
    balanced = api_server.put(server.service("front", "names", {"app": "web"}, type="LoadBalancer"))
    api_server.patch_status(balanced, {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}})
    directory = Directory()
    async with watching(api_server, directory):
        await named(directory, "203.0.113.7", "front.names")

    assert "web-7d4f9-x.names" == directory.name_of("10.2.0.1")
    assert "web.names" == directory.name_of(made["spec"]["clusterIP"])
    assert directory.name_of("192.0.2.1") is None
    assert directory.name_of("") is None


async def test_a_pod_on_the_host_s_network_does_not_name_the_node(api_server: Server) -> None:
    """The node's address is the node's, however many pods share it."""
    api_server.put(server.namespace("hosts"))
    api_server.put(server.node("node-h", "10.2.9.1"))
    api_server.put(server.pod("proxy", "hosts", address="10.2.9.1", host_network=True))
    directory = Directory()
    async with watching(api_server, directory):
        assert directory.name_of("10.2.9.1") is None
        assert (("peer", "node"), ("node", "node-h")) == directory.facts_of("10.2.9.1")


async def test_a_peer_s_workload_and_service_are_known(api_server: Server) -> None:
    """A Deployment is seen through its ReplicaSet; the service is the one that selects the pod."""
    api_server.put(server.namespace("facts"))
    labels = {"app": "cart", "pod-template-hash": "5d8f"}
    owner = server.controller("ReplicaSet", "cart-5d8f")
    api_server.put(server.service("cart", "facts", {"app": "cart"}))
    api_server.put(
        server.pod("cart-5d8f-q", "facts", address="10.2.0.9", labels=labels, owner=owner)
    )
    directory = Directory()
    async with watching(api_server, directory):
        facts = dict(directory.facts_of("10.2.0.9"))

    assert {
        "peer": "pod",
        "pod": "cart-5d8f-q",
        "namespace": "facts",
        "workload": "Deployment/cart",
        "service": "cart.facts",
        "node": "node-1",
    } == facts


async def test_what_a_service_without_selector_points_at_is_known(api_server: Server) -> None:
    """An address outside the cluster is an endpoint of the service somebody wrote it into."""
    api_server.put(server.namespace("outside"))
    api_server.put(server.service("legacy-db", "outside"))
    api_server.put(server.endpoint_slice("legacy-db", "outside", ["198.51.100.4"]))
    directory = Directory()
    async with watching(api_server, directory):
        facts = directory.facts_of("198.51.100.4")
        assert directory.name_of("198.51.100.4") is None

    assert (("peer", "endpoint"), ("service", "legacy-db.outside")) == facts


async def test_names_follow_the_cluster(api_server: Server) -> None:
    """A pod that goes and another that takes its address: the address is always the newer's."""
    api_server.put(server.namespace("follow"))
    old = api_server.put(server.pod("old", "follow", address="10.2.0.20"))
    directory = Directory()
    async with watching(api_server, directory):
        await named(directory, "10.2.0.20", "old.follow")
        epoch = directory.epoch
        api_server.delete(old)
        api_server.put(server.pod("new", "follow", address="10.2.0.20"))
        await named(directory, "10.2.0.20", "new.follow")

    assert directory.epoch > epoch


async def test_a_finished_pod_gives_its_address_back(api_server: Server) -> None:
    """A Job's pod stays listed after its end; the next pod at its address has the name."""
    api_server.put(server.namespace("jobs"))
    done = api_server.put(server.pod("job-1", "jobs", address="10.2.0.30"))
    directory = Directory()
    async with watching(api_server, directory):
        api_server.put(server.pod("job-2", "jobs", address="10.2.0.30"))
        api_server.patch_status(done, {"phase": "Succeeded"})
        await named(directory, "10.2.0.30", "job-2.jobs")
        await wait_for(lambda: len(directory.pods) > 1, "both listed")


async def test_a_pod_with_names_as_long_as_may_be(api_server: Server) -> None:
    """253 letters of pod and 63 of namespace come through whole."""
    long_pod, long_namespace = "p" * 253, "n" * 63
    api_server.put(server.namespace(long_namespace))
    api_server.put(server.pod(long_pod, long_namespace, address="10.2.0.40"))
    directory = Directory()
    async with watching(api_server, directory):
        assert f"{long_pod}.{long_namespace}" == directory.name_of("10.2.0.40")


def live(name: str, started: str, **more: object) -> Pod:
    """A pod at 10.3.0.1."""
    status = {"podIP": "10.3.0.1", "startTime": started, "phase": "Running"}
    metadata = {"uid": name, "name": name, "namespace": "two", "resourceVersion": "1"}
    found = read_pod({"metadata": metadata, "status": status, **more})
    assert found
    return found


def test_of_two_pods_with_one_address_the_younger_has_it() -> None:
    """Whatever order they come in; and when it goes, the address is the elder's again."""
    elder, younger = live("elder", "2026-01-01T00:00:00Z"), live("younger", "2026-01-02T00:00:00Z")
    for order in ((elder, younger), (younger, elder)):
        directory = Directory()
        directory.pods.list(order)
        assert "younger.two" == directory.name_of("10.3.0.1")
        directory.pods.remove(younger)
        assert "elder.two" == directory.name_of("10.3.0.1")


def test_a_deleted_pod_keeps_its_address_a_while() -> None:
    """What it said last arrives after it; then the address is nobody's, and that is a change."""
    now_s = [100.0]
    directory = Directory(clock=lambda: now_s[0])
    pod = live("web", "2026-01-01T00:00:00Z")
    directory.pods.put(pod)
    directory.pods.remove(pod)
    epoch = directory.epoch
    assert "web.two" == directory.name_of("10.3.0.1")

    now_s[0] += LINGER_S + 1

    assert directory.name_of("10.3.0.1") is None
    assert directory.epoch > epoch


def test_a_pod_without_status_has_no_address() -> None:
    """It is known and named by nothing, until its status comes."""
    metadata = {"uid": "1", "name": "web", "namespace": "two", "resourceVersion": "1"}
    found = read_pod({"metadata": metadata})
    assert found
    directory = Directory()
    directory.pods.put(found)

    assert 1 == len(directory.pods)
    assert () == found.addresses
