"""
Kubernetes plugged in: for the backend names of peers, for the agent the processes of its node.

In: settings.  Out: what the programs ask, and what keeps it in step while they run.
Outside a cluster the backend has no names for peers, and nothing is followed.
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from podwire.agent.settings import KubernetesSettings
from podwire.app.settings import ConfigError
from podwire.capture import Births, Unavailable
from podwire.discovery.host import host_ip
from podwire.discovery.kubernetes import Cluster, Here
from podwire.kube import access, watch
from podwire.kube.api import HttpApi
from podwire.kube.directory import Directory
from podwire.kube.local import NodePods
from podwire.kube.names import NoCluster
from podwire.kube.watch import Watch

log = logging.getLogger(__name__)


@asynccontextmanager
async def directory(
    kubeconfig: Path | None,
) -> AsyncIterator[tuple[Directory | NoCluster, Watch | None]]:
    """The names of the whole cluster and what to run for them. Raises `ConfigError`."""
    found = _access(kubeconfig)
    if found is None:
        yield NoCluster(), None
        return
    names = Directory()
    async with HttpApi(found) as api:
        yield names, watch.of_cluster(api, names)


@asynccontextmanager
async def node(settings: KubernetesSettings) -> AsyncIterator[tuple[Cluster, Watch]]:
    """The processes of this node's pods and what to run for them. Raises `ConfigError`."""
    found = _access(settings.kubeconfig)
    if found is None:
        raise ConfigError(
            "agent.kubernetes needs the API server: run the agent in a pod with a service account, "
            "or give agent.kubernetes.kubeconfig"
        )
    wire = _wire_or_none()
    here = Here(settings.node, settings.host_ip or host_ip(), settings.cluster)
    pods = NodePods()
    cluster = Cluster(pods, here, settings.analyzers, wire=wire)
    pods.changed = cluster.poke
    try:
        async with HttpApi(found) as api:
            yield cluster, watch.of_node(api, settings.node, pods)
    finally:
        if wire:
            wire.close()


def _access(kubeconfig: Path | None) -> access.Access | None:
    try:
        return access.find(kubeconfig, os.environ)
    except access.Misconfigured as error:
        raise ConfigError(str(error)) from error


def _wire_or_none() -> Births | None:
    """Without news of processes they are looked for, more slowly."""
    try:
        return Births()
    except Unavailable as error:
        log.warning("new processes are seen only when they are looked for: %s", error)
        return None
