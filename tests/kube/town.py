"""
Two pods that talk, on a node that is this machine: real processes, control groups, addresses.

In: an API server.  Out: pods `web` and `visitor` of one namespace, known to the server, that talk
HTTP; each in a network namespace and a control group of its own, and not as root.
"""

import contextlib
import itertools
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from discovery.cgroups import SPELLINGS, group, process
from kube import server
from kube.server import Object, Server
from podwire.demo.network import enter

NODE = "node-t"
WEB, VISITOR = "10.99.0.2", "10.99.0.1"
SERVE = ("-m", "http.server", "8080", "--bind", WEB, "--directory", "/usr")  # nobody may read it
VISIT = (
    "-c",
    "import time, urllib.request as u\n"
    "while True:\n"
    f"    u.urlopen('http://{WEB}:8080/', timeout=5).read(); time.sleep(0.1)\n",
)
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
numbers = itertools.count()


@dataclass(frozen=True)
class Town:
    """Who lives here."""

    namespace: str
    web: Object
    visitor: Object
    web_pid: int
    visitor_pid: int


@contextlib.contextmanager
def streets() -> Iterator[tuple[str, str]]:
    """Two network namespaces with a cable between them."""
    names = tuple(f"pw{os.getpid()}-{next(numbers)}" for _ in range(2))
    one, two = names
    try:
        for name in names:
            _run("ip", "netns", "add", name)
        peer = ("peer", "name", "eth0", "netns", two)
        _run(*enter(one), "ip", "link", "add", "eth0", "type", "veth", *peer)
        for name, address in ((one, VISITOR), (two, WEB)):
            _run(*enter(name), "ip", "address", "add", f"{address}/24", "dev", "eth0")
            _run(*enter(name), "ip", "link", "set", "eth0", "up")
        yield one, two
    finally:
        for name in names:
            subprocess.run(("ip", "netns", "del", name), check=False)


@contextlib.contextmanager
def town(api_server: Server) -> Iterator[Town]:
    """Everything is gone afterwards, but for the pods' entries in the server."""
    namespace = f"town-{next(numbers)}"
    api_server.put(server.namespace(namespace))
    pods, folders = {}, {}
    with contextlib.ExitStack() as stack:
        one, two = stack.enter_context(streets())
        for name, address in (("web", WEB), ("visitor", VISITOR)):
            container = uuid.uuid4().hex * 2
            api_server.put(server.service(name, namespace, {"app": name}))
            pods[name] = api_server.put(
                server.pod(
                    f"{name}-1",
                    namespace,
                    address=address,
                    node=NODE,
                    labels={"app": name},
                    containers={"app": f"containerd://{container}"},
                )
            )
            path = SPELLINGS["containerd, systemd"](pods[name]["metadata"]["uid"], container)
            folders[name] = stack.enter_context(group(path))
        serving = (*enter(two), *NOBODY, sys.executable, *SERVE)
        visiting = (*enter(one), *NOBODY, sys.executable, *VISIT)
        web = stack.enter_context(process(folders["web"], serving, output=subprocess.DEVNULL))
        _wait_listening(two)
        visitor = stack.enter_context(process(folders["visitor"], visiting))
        yield Town(namespace, pods["web"], pods["visitor"], web.pid, visitor.pid)


@contextlib.contextmanager
def newcomer(api_server: Server, namespace: str, name: str) -> Iterator[int]:
    """A further pod of `web`, with one process that does nothing; its pid."""
    container = uuid.uuid4().hex * 2
    made = api_server.put(
        server.pod(
            name,
            namespace,
            node=NODE,
            labels={"app": "web"},
            containers={"app": f"containerd://{container}"},
        )
    )
    path = SPELLINGS["containerd, cgroupfs"](made["metadata"]["uid"], container)
    try:
        with group(path) as folder, process(folder, ("sleep", "infinity")) as running:
            yield running.pid
    finally:
        api_server.delete(made)


def _wait_listening(name: str) -> None:
    def listens() -> bool:
        shown = subprocess.run((*enter(name), "ss", "-Hltn"), capture_output=True, text=True)
        return ":8080" in shown.stdout

    server.wait_until(listens, "the web server listens")


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
