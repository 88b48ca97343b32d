"""
A node of one machine: kubelet, containerd and what else makes pods real, in a place of its own.

In: images.  Out: `Cluster`, whose API server has a scheduler and controllers, whose pods run and
reach each other and their services by name. Everything runs in the network, the mounts and the
control group that `__main__` made; what is written lies under `PLACE`.
"""

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from e2e.apart import GROUP, PLACE
from kube import build
from kube.server import Object, Server, wait_until

NODE = "node-e2e"
BRIDGE, GATEWAY, PODS = "pw0", "10.244.0.1", "10.244.0.0/24"
SOCKET = PLACE / "containerd.sock"
ALONE = ("setpriv", "--pdeathsig", "KILL", "--")
CONTAINERD = f"""
version = 2
root = "{PLACE}/containerd"
state = "{PLACE}/state"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{PLACE}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true  # an administrator without SYS_RESOURCE may not lower it
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{PLACE}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""
KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "failCgroupV1": False,
    "failSwapOn": False,
    "cgroupDriver": "cgroupfs",
    "cgroupRoot": f"/{GROUP}",
    "enforceNodeAllocatable": ["pods"],
    "address": "127.0.0.1",
    "healthzPort": 0,
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "containerRuntimeEndpoint": f"unix://{SOCKET}",
    "clusterDNS": [GATEWAY],
    "clusterDomain": "cluster.local",
    "makeIPTablesUtilChains": False,
    "podLogsDir": str(PLACE / "logs"),
    "volumePluginDir": str(PLACE / "plugins"),
    "resolvConf": "",
    "evictionHard": {"memory.available": "50Mi"},
    "imageGCHighThresholdPercent": 100,
    "localStorageCapacityIsolation": False,
    "nodeStatusUpdateFrequency": "2s",
}
NETWORK = {
    "cniVersion": "1.0.0",
    "name": "e2e",
    "plugins": [
        {
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "dataDir": str(PLACE / "addresses"),
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
    ],
}


@dataclass
class Cluster:
    """What a test asks of the node and its API server."""

    server: Server
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, *command: str | Path) -> None:
        """A program of the node; it does not outlive this process."""
        with (PLACE / f"{name}.log").open("wb") as log:
            line = (*ALONE, *map(str, command))
            self.programs.append(
                subprocess.Popen(line, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            )

    def pods(self, namespace: str, app: str = "", *, ending: bool = False) -> list[Object]:
        """Pods of a namespace, with or without those on their way out."""
        return [
            pod
            for pod in self.server.all_of("Pod")
            if pod["metadata"]["namespace"] == namespace
            and (ending or "deletionTimestamp" not in pod["metadata"])
            and (not app or pod["metadata"].get("labels", {}).get("app") == app)
        ]

    def ready(self, namespace: str, app: str = "") -> list[Object]:
        """Those of these pods that their kubelet calls ready."""
        return [pod for pod in self.pods(namespace, app) if is_ready(pod)]

    def run_in(self, pod: Object, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in a pod's first container, with all that confines it."""
        container = container_id(pod)
        line = ("ctr", "-a", SOCKET, "-n", "k8s.io", "tasks", "exec", "--exec-id")
        number = f"exec-{threading.get_ident()}-{len(self.programs)}"
        return subprocess.run(
            (*line, number, container, *command), check=False, capture_output=True, text=True
        )


def pid_of(pod: Object) -> int:
    """The first process of a pod's container, as this machine counts."""
    line = ("ctr", "-a", SOCKET, "-n", "k8s.io", "tasks", "ls")
    rows = subprocess.run(line, check=True, capture_output=True, text=True).stdout.splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith(container_id(pod)))


def container_id(pod: Object) -> str:
    """The id that containerd knows a pod's first container by."""
    told: str = pod["status"]["containerStatuses"][0]["containerID"]
    return told.removeprefix("containerd://")


def is_ready(pod: Object) -> bool:
    """Whether its kubelet says so."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


@contextlib.contextmanager
def running(archive: Path) -> Iterator[Cluster]:
    """A ready node with the archive's images; its programs end with the context."""
    _bridge()
    flags = ("-address", GATEWAY, "-controlled")
    server = Server(PLACE / "api", ("--endpoint-reconciler-type=lease",), flags)
    server.folder.mkdir()
    cluster = Cluster(server)
    stop = threading.Event()
    names = threading.Thread(target=_name_services, args=(server, stop))
    try:
        server.start()
        _containerd(cluster, archive)
        _kubernetes(cluster)
        names.start()
        wait_until(lambda: any(map(is_ready, server.all_of("Node"))), "the node is ready", 60)
        yield cluster
    finally:
        stop.set()
        if names.is_alive():
            names.join()
        for program in reversed(cluster.programs):
            program.kill()
            program.wait()
        server.kill()


def _bridge() -> None:
    """The pods' network, before the first pod: the API server listens on it."""
    for line in (
        ("link", "set", "lo", "up"),
        ("link", "add", BRIDGE, "type", "bridge"),
        ("address", "add", f"{GATEWAY}/24", "dev", BRIDGE),
        ("link", "set", BRIDGE, "up"),
        ("route", "add", "default", "via", GATEWAY, "dev", BRIDGE),
    ):
        subprocess.run(("ip", *line), check=True)


def _containerd(cluster: Cluster, archive: Path) -> None:
    (PLACE / "cni").mkdir()
    (PLACE / "cni/10-e2e.conflist").write_text(json.dumps(NETWORK))
    (PLACE / "containerd.toml").write_text(CONTAINERD)
    cluster.start("containerd", "containerd", "--config", PLACE / "containerd.toml")
    wait_until(SOCKET.exists, "containerd listens")
    line = ("ctr", "-a", SOCKET, "-n", "k8s.io", "images", "import", "--no-unpack", archive)
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def _kubernetes(cluster: Cluster) -> None:
    node, server = build.built("node"), cluster.server
    config = ("--kubeconfig", server.kubeconfig)
    (PLACE / "kubelet.yaml").write_text(yaml.safe_dump(KUBELET))
    folders = (f"--root-dir={PLACE}/kubelet", f"--cert-dir={PLACE}/pki")
    named = f"--hostname-override={NODE}"
    told = (f"--config={PLACE}/kubelet.yaml", named, f"--node-ip={GATEWAY}")
    cluster.start("kubelet", node, "kubelet", *config, *told, *folders)
    alone = ("--leader-elect=false", "--secure-port=0")
    keys = (
        f"--service-account-private-key-file={server.folder}/sa.key",
        f"--root-ca-file={server.folder}/certs/apiserver.crt",
    )
    cluster.start("controllers", node, "controllers", *config, *alone, *keys)
    cluster.start("scheduler", node, "scheduler", *config, *alone)
    proxy = ("--proxy-mode=nftables", f"--cluster-cidr={PODS}", "--conntrack-max-per-core=0")
    times = ("--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0")
    cluster.start("proxy", node, "proxy", *config, named, *proxy, *times)


def _name_services(server: Server, stop: threading.Event) -> None:
    """Tell the name server of services, once a second; it reads each file as it comes."""
    hosts = PLACE / "hosts"
    hosts.mkdir()
    line = ("--keep-in-foreground", "--no-resolv", "--no-hosts", f"--listen-address={GATEWAY}")
    own = ("--bind-interfaces", "--local=/cluster.local/", "--user=root", "--pid-file=")
    program = subprocess.Popen((*ALONE, "dnsmasq", *line, *own, f"--hostsdir={hosts}"))
    while not stop.wait(1):
        for service in server.all_of("Service"):
            told, at = service["metadata"], service["spec"].get("clusterIP", "None")
            file = hosts / f"{told['namespace']}.{told['name']}"
            if at != "None" and not file.exists():
                name = f"{told['name']}.{told['namespace']}.svc.cluster.local"
                file.write_text(f"{at} {name}\n")
    program.kill()
    program.wait()
