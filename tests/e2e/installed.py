"""
podwire in the cluster, installed by helm as its users do, and asked by its own command line.

In: a cluster that has our image.  Out: `Podwire`, whose pods are ready.
"""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any

from e2e.apart import PLACE
from e2e.node import NODE, Cluster
from kube import build
from kube.manifests import CHART
from kube.server import Object, namespace, wait_until

HOME = "podwire"
STATUS = "process_relation_http1_response_status_cpm"
VALUES = (
    "image.repository=localhost/podwire",
    "image.tag=e2e",
    "image.pullPolicy=Never",
    "backend.storage.size=1Gi",
)
PRIVILEGED = {"pod-security.kubernetes.io/enforce": "privileged"}


@dataclass(frozen=True)
class Podwire:
    """What an operator has of it: two pods, and an address to ask."""

    cluster: Cluster
    address: str

    def tell(self, *words: str) -> list[dict[str, Any]]:
        """What a command of ours answers; empty when it is refused."""
        command = (sys.executable, "-m", "podwire.cli", *words)
        told = ("--address", self.address, "--output", "json")
        done = subprocess.run((*command, *told), check=False, capture_output=True, text=True)
        rows: list[dict[str, Any]] = json.loads(done.stdout) if done.returncode == 0 else []
        return rows

    def responses(self, service: str, pod: str, client: str) -> Counter[str]:
        """By status, from a pod's nginx to a client, summed over the minutes."""
        edge = ("--source", client, "--target", "nginx")
        found: Counter[str] = Counter()
        for row in self.tell("metrics", STATUS, "--service", service, "--instance", pod, *edge):
            (status,) = row["labels"]
            found[status.removeprefix("code=")] += int(row["value"])
        return found

    def edges(self, service: str, pod: str) -> list[dict[str, Any]]:
        """The topology of a pod."""
        return self.tell("topology", "--service", service, "--instance", pod)

    def agent(self) -> Object:
        """The agent's pod."""
        return next(
            pod
            for pod in self.cluster.pods(HOME)
            if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "agent"
        )

    def status(self) -> dict[str, int]:
        """What the agent counts of itself."""
        done = self.cluster.run_in(self.agent(), "cat", "/run/podwire/status.json")
        counted: dict[str, int] = json.loads(done.stdout or "{}")
        return counted


def install(cluster: Cluster) -> Podwire:
    """Namespace, volume, chart; returns when both halves run."""
    server = cluster.server
    home = namespace(HOME)
    home["metadata"]["labels"] = PRIVILEGED
    server.put(home)
    server.put(_volume())
    settings = [word for value in VALUES for word in ("--set", value)]
    command = (build.built("helm"), "install", "podwire", CHART, "--namespace", HOME)
    told = ("--kubeconfig", server.kubeconfig)
    subprocess.run((*command, *told, *settings), check=True, stdout=subprocess.DEVNULL)
    wait_until(lambda: len(cluster.ready(HOME)) == 2, "both halves are ready", 120)
    service = next(
        each for each in server.all_of("Service") if each["metadata"]["name"] == "podwire-backend"
    )
    found = Podwire(cluster, f"http://{service['spec']['clusterIP']}:12800")
    wait_until(lambda: found.status().get("kube_pods_known", 0) > 0, "the agent sees pods", 60)
    return found


def _volume() -> Object:
    """A folder of the node, for the backend's claim."""
    folder = PLACE / "store"
    folder.mkdir()
    there = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "store"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [there]}]}},
        },
    }
