"""
A Deployment of nginx behind a service, and a Python client of that service.

In: a cluster.  Out: `Shop`, which can be scaled and rolled; and nginx's own books, one file a pod,
which outlive the pods.
"""

import ipaddress
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

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
        urllib.request.urlopen(f"http://web/{page}/{number}", timeout=5).read()
    except urllib.error.HTTPError as answer:
        answer.read()
    time.sleep(0.02)
"""
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


def books() -> dict[str, Counter[str]]:
    """Requests by pod and status, as nginx wrote them; whoever asked was in a pod."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    return found | {file.name: _read(file) for file in BOOKS.iterdir()}


def _read(book: Path) -> Counter[str]:
    lines = [line.split(" ") for line in book.read_text().splitlines()]
    assert all(ipaddress.ip_address(line[0]).is_private for line in lines)
    return Counter(line[1] for line in lines)


def open_shop(cluster: Cluster) -> Shop:
    """Two pods of nginx, ready; the client has none yet."""
    BOOKS.mkdir()
    put = cluster.server.put
    put(namespace(HOME))
    config = {"nginx.conf": NGINX}
    place = {"name": "web", "namespace": HOME}
    put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": config})
    volumes = [
        {"name": "config", "configMap": {"name": "web"}},
        {"name": "books", "hostPath": {"path": str(BOOKS)}},
    ]
    nginx = {
        "command": ["nginx", "-c", "/config/nginx.conf", "-g", "daemon off;"],
        "volumeMounts": [
            {"name": "config", "mountPath": "/config"},
            {"name": "books", "mountPath": "/books"},
        ],
        "readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 3},
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", ENDING]}}},
    }
    put(_deployment("web", 2, nginx, volumes))
    put(service("web", HOME, {"app": "web"}))
    put(_deployment("client", 0, {"command": ["python3", "-c", CLIENT]}, []))
    shop = Shop(cluster)
    shop.wait("web", 2)
    return shop


def _deployment(name: str, replicas: int, container: Object, volumes: list[Object]) -> Object:
    """An app of one container with our image."""
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
                    "containers": [{**image, **container}],
                    "volumes": volumes,
                },
            },
        },
    }
