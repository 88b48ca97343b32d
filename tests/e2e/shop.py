"""
Two Deployments of nginx behind services, one of them for TLS, and Python clients of each.

In: a cluster.  Out: `Shop`, which can be scaled and rolled; and nginx's own books, one file a pod,
which outlive the pods.
"""

import ipaddress
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import trustme

from e2e.apart import PLACE
from e2e.node import Cluster
from kube.server import Object, namespace, service, wait_until

HOME = "shop"
BOOKS = PLACE / "books"
NGINX = """
user root;
worker_processes 1;
error_log /dev/stderr;
pid /tmp/nginx.pid;
events {}
http {
    log_format book "$remote_addr $status $request_uri";
    access_log /books/$hostname book;
    server {
        listen 80;
        listen 443 ssl;
        ssl_certificate /tls/server.pem;
        ssl_certificate_key /tls/server.key;
        location / { return 200 "well\\n"; }
        location /missing { return 404 "no\\n"; }
    }
}
"""
CLIENT = """
import itertools, signal, sys, time, urllib.error, urllib.request
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
for number in itertools.count():
    page = "missing" if number % 5 == 0 else "page"
    try:
        urllib.request.urlopen(f"{sys.argv[1]}/{page}/{number}", timeout=5).read()
    except urllib.error.HTTPError as answer:
        answer.read()
    time.sleep(0.02)
"""
CLIENTS = {"client": ("web", "http://web"), "caller": ("vault", "https://vault")}
"""Whom each client calls, and how."""

ENOUGH = 30
"""Requests that a pod must have answered to count as busy."""

ENDING = "sleep 3; nginx -s quit; sleep 2"
"""No new request reaches a pod that nobody is sent to any more; then it ends in peace."""


@dataclass(frozen=True)
class Shop:
    """What runs in it."""

    cluster: Cluster

    def pods(self, app: str) -> list[str]:
        """Names of an app's pods, those on their way out not counted."""
        return sorted(pod["metadata"]["name"] for pod in self.cluster.pods(HOME, app))

    def scale(self, app: str, count: int) -> None:
        """Have so many pods of an app, and wait for them."""
        self.cluster.server.patch(self._named(app), {"spec": {"replicas": count}})
        self.wait(app, count)

    def wait(self, app: str, count: int) -> None:
        """Until so many pods are ready, and none beside them exists."""

        def is_so() -> bool:
            there = self.cluster.pods(HOME, app, ending=True)
            return len(there) == count == len(self.cluster.ready(HOME, app))

        wait_until(is_so, f"{count} pods of {app}", 120)

    def roll(self) -> None:
        """Replace every pod of nginx, as a new version of it would."""
        before = set(self.pods("web"))
        note = {"metadata": {"annotations": {"version": "2"}}}
        self.cluster.server.patch(self._named("web"), {"spec": {"template": note}})
        wait_until(lambda: not before & set(self.pods("web")), "the old pods are told to end", 120)
        self.wait("web", len(before))

    def visit(self, client: str, pods: list[str]) -> str:
        """Send a client; its name, as a peer's, once every pod has answered it."""
        self.scale(client, 1)
        (name,) = self.pods(client)
        wait_busy(pods)
        return f"{name}.{HOME}"

    def restart(self, pod: str) -> None:
        """End a pod's nginx; its kubelet starts another one in another container."""

        def restarts() -> int:
            found = self._pod(pod)["status"]["containerStatuses"][0]
            return int(found["restartCount"]) if found["ready"] else 0

        self.cluster.run_in(self._pod(pod), "sh", "-c", "kill $(cat /tmp/nginx.pid)")
        wait_until(lambda: restarts() == 1, f"{pod} runs again", 60)

    def _pod(self, name: str) -> Object:
        there = self.cluster.pods(HOME)
        return next(pod for pod in there if pod["metadata"]["name"] == name)

    def _named(self, app: str) -> Object:
        return {"kind": "Deployment", "metadata": {"name": app, "namespace": HOME}}


def wait_busy(pods: list[str]) -> None:
    """Until each of these pods has answered some more requests."""
    before = books()
    wait_until(
        lambda: all((books()[pod] - before[pod]).total() >= ENOUGH for pod in pods),
        f"{ENOUGH} requests to each of {pods}",
        60,
    )


def books() -> dict[str, Counter[str]]:
    """Requests by pod and status, as nginx wrote them; whoever asked was in a pod."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    return found | {file.name: _read(file) for file in BOOKS.iterdir()}


def _read(book: Path) -> Counter[str]:
    lines = [line.split(" ") for line in book.read_text().splitlines()]
    assert all(ipaddress.ip_address(line[0]).is_private for line in lines)
    return Counter(line[1] for line in lines)


def open_shop(cluster: Cluster) -> Shop:
    """Two pods of the one nginx and one of the other, ready; the clients have none yet."""
    BOOKS.mkdir()
    put = cluster.server.put
    put(namespace(HOME))
    put(_files("config", {"nginx.conf": NGINX}))
    put(_files("tls", _certificate("vault")))
    nginx = {
        "command": ["nginx", "-c", "/config/nginx.conf", "-g", "daemon off;"],
        "readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 3},
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", ENDING]}}},
    }
    for name, replicas, port in (("web", 2, 80), ("vault", 1, 443)):
        put(_deployment(name, replicas, nginx))
        put(service(name, HOME, {"app": name}, ports=[{"port": port}]))
    for name, (_, address) in CLIENTS.items():
        trust = [{"name": "SSL_CERT_FILE", "value": "/tls/authority.pem"}]
        put(_deployment(name, 0, {"command": ["python3", "-c", CLIENT, address], "env": trust}))
    shop = Shop(cluster)
    shop.wait("web", 2)
    shop.wait("vault", 1)
    return shop


def _files(name: str, content: dict[str, str]) -> Object:
    place = {"name": name, "namespace": HOME}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": content}


def _certificate(host: str) -> dict[str, str]:
    """A server's certificate and key, and the authority that its clients trust."""
    authority = trustme.CA()
    server = authority.issue_cert(host)
    chain = b"".join(each.bytes() for each in server.cert_chain_pems)
    return {
        "server.pem": chain.decode(),
        "server.key": server.private_key_pem.bytes().decode(),
        "authority.pem": authority.cert_pem.bytes().decode(),
    }


def _deployment(name: str, replicas: int, container: Object) -> Object:
    """An app of one container with our image, and all that any of them reads and writes."""
    volumes: list[Object] = [
        {"name": "config", "configMap": {"name": "config"}},
        {"name": "tls", "configMap": {"name": "tls"}},
        {"name": "books", "hostPath": {"path": str(BOOKS)}},
    ]
    mounts = [{"name": each["name"], "mountPath": f"/{each['name']}"} for each in volumes]
    image = {"name": name, "image": "localhost/shop:1", "imagePullPolicy": "Never"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": HOME},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "terminationGracePeriodSeconds": 10,
                    "containers": [{**image, **container, "volumeMounts": mounts}],
                    "volumes": volumes,
                },
            },
        },
    }
