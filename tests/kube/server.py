"""
A real API server for tests, and a plain way to put things into it.

In: the program that `build` makes.  Out: namespaces, nodes, pods, services, written as admin; users
that may do exactly what our manifests allow.
"""

import contextlib
import json
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from kube import build
from podwire.kube.access import Access

Object = dict[str, Any]
PLURALS = {
    "Namespace": ("/api/v1", "namespaces"),
    "Node": ("/api/v1", "nodes"),
    "Pod": ("/api/v1", "pods"),
    "Service": ("/api/v1", "services"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Secret": ("/api/v1", "secrets"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets"),
    "StatefulSet": ("/apis/apps/v1", "statefulsets"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "PersistentVolume": ("/api/v1", "persistentvolumes"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ClusterRoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
}
EVERYWHERE = {"Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding"}
PATCH = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


@dataclass
class Server:
    """One kube-apiserver with its etcd; data, keys and port survive a restart."""

    folder: Path
    options: Sequence[str] = ()
    flags: Sequence[str] = ()
    process: subprocess.Popen[str] = field(init=False)
    url: str = ""
    token: str = ""
    http: httpx.Client = field(init=False)

    def start(self) -> None:
        """Start, or start again where it was; returns when the server calls itself ready."""
        port = self.url.rpartition(":")[2] or "0"
        program = str(build.built("apiserver"))
        command = (program, "-dir", str(self.folder), "-port", port, "-stdin", *self.flags)
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--", *self.options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"no API server: see {self.folder / 'log'}"
        told = json.loads(line)
        self.url, self.token = told["url"], told["token"]
        self.http = httpx.Client(
            base_url=self.url,
            verify=self.tls(),
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )

    def kill(self) -> None:
        """End at once, as a machine does that loses its power."""
        self.process.kill()
        self.process.wait()

    def tls(self) -> ssl.SSLContext:
        """Trusts this server and nobody else."""
        return ssl.create_default_context(cafile=self.folder / "certs/apiserver.crt")

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.folder / "kubeconfig"

    def access(self, token: str = "") -> Access:
        """Access with a token; the administrator's if none is given."""
        return Access(self.url, self.tls(), lambda: token or self.token)

    def put(self, content: Object) -> Object:
        """Create an object, its status too when it has one."""
        status = content.get("status")
        made = self._call("POST", place_of(content), content)
        if status:
            made = self.patch_status(made, status)
        return made

    def patch_status(self, content: Object, status: Object) -> Object:
        """Change an object's status as its kubelet would."""
        place = f"{place_of(content)}/{content['metadata']['name']}/status"
        return self._call("PATCH", place, {"status": status}, PATCH)

    def patch(self, content: Object, change: Object) -> Object:
        """Change an object."""
        return self._call(
            "PATCH", f"{place_of(content)}/{content['metadata']['name']}", change, PATCH
        )

    def delete(self, content: Object) -> None:
        """Delete an object without grace."""
        query = "?gracePeriodSeconds=0"
        self._call("DELETE", f"{place_of(content)}/{content['metadata']['name']}{query}", {})

    def all_of(self, kind: str) -> list[Object]:
        """Every object of a kind."""
        found: list[Object] = self._call("GET", "/".join(PLURALS[kind]), {})["items"]
        return found

    def _call(
        self, verb: str, place: str, content: Object, headers: Mapping[str, str] | None = None
    ) -> Object:
        body = json.dumps(content) if content else None
        told = {"Content-Type": "application/json", **(headers or {})}
        answer = self.http.request(verb, place, content=body, headers=told)
        assert answer.is_success, f"{verb} {place}: {answer.status_code} {answer.text}"
        found: Object = answer.json()
        return found

    def token_of(self, account: str, namespace: str) -> str:
        """A token of a service account, as a pod of it gets one."""
        place = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return str(self._call("POST", place, wanted)["status"]["token"])


def apply(api_server: Server, content: Object, *, dry: bool = True) -> httpx.Response:
    """Server-side apply, strictly checked."""
    query = "?fieldManager=test&fieldValidation=Strict" + ("&dryRun=All" if dry else "")
    place = f"{place_of(content)}/{content['metadata']['name']}{query}"
    return api_server.http.patch(place, json=content, headers=APPLY)


def place_of(content: Object) -> str:
    """Where objects of a kind lie."""
    group, plural = PLURALS[content["kind"]]
    if content["kind"] in EVERYWHERE:
        return f"{group}/{plural}"
    return f"{group}/namespaces/{content['metadata']['namespace']}/{plural}"


@contextlib.contextmanager
def running(*options: str) -> Iterator[Server]:
    """A server of one's own; everything it wrote is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kube-", dir="/tmp"))  # short: it holds unix sockets
    server = Server(folder, options)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def node(name: str, address: str = "") -> Object:
    status = {"addresses": [{"type": "InternalIP", "address": address}]} if address else {}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status}


def pod(
    name: str,
    namespace: str,
    *,
    address: str = "",
    node: str = "node-1",
    labels: Mapping[str, str] | None = None,
    containers: Mapping[str, str] | None = None,
    host_network: bool = False,
    owner: Object | None = None,
    phase: str = "Running",
) -> Object:
    """A pod as its kubelet tells of it; `containers` are runtime ids by name, empty: not yet."""
    names = containers if containers is not None else {"app": ""}
    spec: Object = {
        "nodeName": node,
        "containers": [{"name": each, "image": "none"} for each in names],
        **({"hostNetwork": True} if host_network else {}),
    }
    status: Object = {"phase": phase, "startTime": time.strftime("%FT%TZ", time.gmtime())}
    if address:
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    status["containerStatuses"] = statuses(names)
    metadata: Object = {"name": name, "namespace": namespace, "labels": dict(labels or {})}
    if owner:
        metadata["ownerReferences"] = [owner]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def statuses(containers: Mapping[str, str]) -> list[Object]:
    """What a kubelet says of containers that run."""
    return [
        {
            "name": name,
            "image": "none",
            "imageID": "",
            "ready": True,
            "restartCount": 0,
            "containerID": container_id,
        }
        for name, container_id in containers.items()
        if container_id
    ]


def service(
    name: str, namespace: str, selector: Mapping[str, str] | None = None, **spec: Any
) -> Object:
    ports = [{"port": 80}]
    content = {"selector": dict(selector) if selector else None, "ports": ports, **spec}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {key: value for key, value in content.items() if value is not None},
    }


def endpoint_slice(service: str, namespace: str, addresses: Sequence[str]) -> Object:
    """Endpoints that somebody wrote by hand."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-1",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": list(addresses)}],
        "ports": [{"port": 80}],
    }


def controller(kind: str, name: str) -> Object:
    """An owner reference."""
    versions = {"ReplicaSet": "apps/v1", "DaemonSet": "apps/v1", "StatefulSet": "apps/v1"}
    return {
        "apiVersion": versions.get(kind, "batch/v1"),
        "kind": kind,
        "name": name,
        "uid": "00000000-0000-0000-0000-000000000001",
        "controller": True,
    }


def documents(text: str) -> list[Object]:
    """The objects of a manifest."""
    return [each for each in yaml.safe_load_all(text) if each]


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
    """Poll from a thread that is not the loop's."""
    deadline_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {what}"
        pause.wait(0.02)
