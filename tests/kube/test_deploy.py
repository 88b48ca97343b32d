"""What we install, held against a real API server."""

import asyncio
import contextlib
import itertools
from pathlib import Path
from typing import Any

import httpx
import pytest

from kube import manifests, server
from kube.bad import wait_for
from kube.manifests import HelmError
from kube.server import Object, Server, apply
from podwire.app.settings import load
from podwire.kube import watch
from podwire.kube.api import HttpApi
from podwire.kube.directory import Directory
from podwire.kube.local import NodePods
from podwire.kube.watch import Watch

VARIANTS = {
    "by default": (),
    "with a ClickHouse": (
        "backend.storage.clickhouse=http://ch:8123/pw",
        "backend.replicas=3",
    ),
    "for an old kernel": ("agent.extraCapabilities={SYS_RESOURCE,SYS_ADMIN}", "clusterName=west"),
    "with a storage class": ("backend.storage.className=fast", "networkPolicy.enabled=false"),
    "with analyzers": (
        "agent.analyzers[0].layer=K8S_SERVICE",
        "agent.analyzers[0].service={pod.workload}",
    ),
}
numbers = itertools.count()


def workload(kind: str, *values: str) -> Object:
    """One of our workloads."""
    found = server.documents(manifests.rendered(*values))
    return next(each for each in found if each["kind"] == kind)


def test_the_base_is_what_the_chart_gives() -> None:
    """`make manifests` was run after the last change of the chart."""
    assert manifests.plain() == manifests.PLAIN.read_text()


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_every_manifest_is_accepted(installed: Server, values: tuple[str, ...]) -> None:
    """The server takes each object as it is, with no field it does not know."""
    for content in server.documents(manifests.rendered(*values, release="other")):
        answer = apply(installed, content)
        assert answer.is_success, (content["kind"], answer.text)


@pytest.mark.parametrize(
    "environment", [{}, {"NODE_NAME": "12", "HOST_IP": "fd00::1"}], ids=["backend", "agent"]
)
def test_each_half_can_read_its_settings(environment: dict[str, str], tmp_path: Path) -> None:
    """With what its own manifest puts into the environment, and nothing else."""
    file = tmp_path / "podwire.yaml"
    file.write_text(workload("ConfigMap")["data"]["podwire.yaml"])

    kubernetes = load(file, environment).agent.kubernetes

    assert kubernetes
    assert environment.get("HOST_IP", "") == kubernetes.host_ip
    assert environment.get("NODE_NAME", "unknown") == kubernetes.node


def test_replicas_need_a_store_of_their_own() -> None:
    """The chart refuses two owners of one embedded store, and says what to give instead."""
    with pytest.raises(HelmError, match=r"backend.replicas above 1 needs backend.storage.click"):
        manifests.rendered("backend.replicas=2")


def test_the_agent_has_four_capabilities_and_nothing_else() -> None:
    """No privileged container, nothing of the host's files, nothing writable but memory."""
    spec = workload("DaemonSet")["spec"]["template"]["spec"]
    (container,) = spec["containers"]

    assert {
        "runAsUser": 0,
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": CAPABILITIES},
        "seccompProfile": {"type": "RuntimeDefault"},
    } == container["securityContext"]
    assert {"configMap", "emptyDir"} == {key for each in spec["volumes"] for key in each} - {"name"}
    assert spec.keys() & {"hostPID", "hostNetwork", "hostIPC"} == {"hostPID"}


def test_an_image_takes_in_all_that_the_wheel_is_made_of() -> None:
    """What the build reads is let through to the builder; what it makes is not."""
    ignored = (manifests.DEPLOY / "docker" / "Dockerfile.dockerignore").read_text().split()
    root = manifests.DEPLOY.parent
    sources = {"bpf", "native", "proto", "rules", "src", "ui", "hatch_build.py", "pyproject.toml"}

    assert sources <= {each.removeprefix("!") for each in ignored if each.startswith("!")}
    assert all((root / each).exists() for each in sources)


CAPABILITIES = ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"]


def admit(api_server: Server, level: str, template: Any) -> httpx.Response:
    """Create a pod of a template in a namespace of some Pod Security level, dry."""
    name = f"level-{next(numbers)}"
    labels = {"pod-security.kubernetes.io/enforce": level}
    content = server.namespace(name)
    content["metadata"]["labels"] = labels
    api_server.put(content)
    volumes = [*template["spec"]["volumes"], {"name": "store", "emptyDir": {}}]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "it", "namespace": name},
        "spec": {**template["spec"], "volumes": volumes},
    }
    return api_server.http.post(f"/api/v1/namespaces/{name}/pods?dryRun=All", json=pod)


def test_the_backend_is_admitted_at_the_level_restricted(api_server: Server) -> None:
    """The strictest of the Pod Security Standards."""
    answer = admit(api_server, "restricted", workload("StatefulSet")["spec"]["template"])

    assert answer.is_success, answer.text


def test_the_agent_is_refused_at_baseline_for_two_reasons_alone(api_server: Server) -> None:
    """The host's pids and the four capabilities; at `privileged` it is admitted."""
    template = workload("DaemonSet")["spec"]["template"]
    refused = admit(api_server, "baseline", template)
    message = refused.json()["message"].partition('"baseline:latest": ')[2]
    reasons = [reason.split(" (")[0] for reason in message.split("), ")]

    assert 403 == refused.status_code
    assert {"non-default capabilities", "host namespaces"} == set(reasons), message
    assert admit(api_server, "privileged", template).is_success


async def state_of(watched: Watch) -> dict[str, str]:
    """What each resource says once all were tried."""
    task = asyncio.create_task(watched.run())
    await wait_for(
        lambda: not {"starting", "listing"} & set(watched.states().values()), "an answer for each"
    )
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return dict(watched.states())


async def test_each_half_may_read_what_it_follows(installed: Server) -> None:
    """The rights we install are enough."""
    agent = installed.access(installed.token_of("podwire-agent", "podwire"))
    backend = installed.access(installed.token_of("podwire-backend", "podwire"))
    async with HttpApi(agent) as one, HttpApi(backend) as two:
        on_node = await state_of(watch.of_node(one, "node-1", NodePods()))
        in_cluster = await state_of(watch.of_cluster(two, Directory()))

    assert {"watching"} == {*on_node.values(), *in_cluster.values()}
    assert (2, 4) == (len(on_node), len(in_cluster))


async def test_a_missing_right_is_named(installed: Server) -> None:
    """The state says which resource, and whose right it is."""
    agent = installed.access(installed.token_of("podwire-agent", "podwire"))
    async with HttpApi(agent) as api:
        states = await state_of(watch.of_cluster(api, Directory()))

    assert ("watching", "watching") == (states["pods"], states["services"])
    assert (
        '"system:serviceaccount:podwire:podwire-agent" cannot list resource "nodes"'
        in (states["nodes"])
    )


@pytest.mark.parametrize("account", ["podwire-agent", "podwire-backend"])
@pytest.mark.parametrize(
    ("verb", "place"),
    [
        ("GET", "/api/v1/secrets"),
        ("GET", "/api/v1/configmaps"),
        ("GET", "/apis/apps/v1/deployments"),
        ("POST", "/api/v1/namespaces/default/pods"),
        ("DELETE", "/api/v1/namespaces/default/pods"),
        ("POST", "/api/v1/namespaces/podwire/serviceaccounts/podwire-agent/token"),
    ],
)
def test_nothing_else_is_allowed(installed: Server, account: str, verb: str, place: str) -> None:
    """No secret can be read, and nothing can be changed."""
    token = installed.token_of(account, "podwire")
    headers = {"Authorization": f"Bearer {token}"}

    assert 403 == installed.http.request(verb, place, json={}, headers=headers).status_code
