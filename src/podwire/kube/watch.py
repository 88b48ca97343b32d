"""
Everything one program follows at the API server: one watch a resource.

In: an `Api` and the tables to keep.  Out: tables in step, and how fresh they are.
The backend follows the whole cluster; an agent follows its own node's pods and the services.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from podwire.kube import read
from podwire.kube.api import Api
from podwire.kube.directory import Directory
from podwire.kube.follow import Follower, Pace, Resource
from podwire.kube.local import NodePods

PODS = "/api/v1/pods"
SERVICES = Resource("services", "/api/v1/services", read.service)
NODES = Resource("nodes", "/api/v1/nodes", read.node)
SLICES = Resource("endpointslices", "/apis/discovery.k8s.io/v1/endpointslices", read.endpoint_slice)


class Watch:
    """Some followers; `run` them until cancelled."""

    def __init__(
        self, followers: Sequence[Follower[Any]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._followers = followers
        self._clock = clock

    async def run(self) -> None:
        """No failure of the server ends this."""
        async with asyncio.TaskGroup() as group:
            for follower in self._followers:
                group.create_task(follower.run())

    @property
    def is_synced(self) -> bool:
        """Whether every resource was listed whole at least once."""
        return all(follower.condition.is_synced for follower in self._followers)

    def states(self) -> Mapping[str, str]:
        """In words, by resource: `watching`, or what the server did last instead."""
        return {follower.name: follower.condition.state for follower in self._followers}

    def statistics(self) -> Mapping[str, int]:
        """Objects known, seconds since the server was heard, and totals of what went wrong."""
        found: dict[str, int] = {}
        for follower in self._followers:
            stem, condition = follower.name, follower.condition
            found[f"{stem}_known"] = follower.known
            if condition.heard_s:
                found[f"{stem}_age_s"] = int(self._clock() - condition.heard_s)
            found |= {f"{stem}_{what}_total": n for what, n in condition.counts.items() if n}
        return found


def of_cluster(api: Api, directory: Directory, pace: Pace | None = None) -> Watch:
    """What the backend follows."""
    pods = Resource("pods", PODS, read.pod)
    return Watch(
        (
            Follower(api, pods, directory.pods, pace=pace),
            Follower(api, SERVICES, directory.services, pace=pace),
            Follower(api, SLICES, directory.slices, pace=pace),
            Follower(api, NODES, directory.nodes, pace=pace),
        )
    )


def of_node(api: Api, node: str, pods: NodePods, pace: Pace | None = None) -> Watch:
    """What the agent of a node follows."""
    own = Resource(
        "pods", PODS, read.pod_with_containers, {"fieldSelector": f"spec.nodeName={node}"}
    )
    return Watch(
        (
            Follower(api, own, pods.pods, pace=pace),
            Follower(api, SERVICES, pods.services, pace=pace),
        )
    )
