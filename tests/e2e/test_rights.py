"""What the agent's pod may do on its node, and what of it another pod can see."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.installed import Podwire
from e2e.node import Cluster, pid_of
from kube.server import Object, namespace, wait_until

NUMBERS = {"DAC_READ_SEARCH": 2, "SYS_PTRACE": 19, "PERFMON": 38, "BPF": 39}
"""Of <linux/capability.h>."""

LOOK = r"""
import ctypes, json, pathlib, socket, sys
def is_agent(folder):
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"agent" in words and any(b"podwire" in word for word in words)
def is_open(port):
    with socket.socket() as it:
        return it.connect_ex((sys.argv[1], port)) == 0
libc, attributes = ctypes.CDLL(None), ctypes.create_string_buffer(128)
print(json.dumps({
    "process": any(map(is_agent, pathlib.Path("/proc").iterdir())),
    "maps": libc.syscall(321, 12, attributes, 128) == 0,  # bpf(BPF_MAP_GET_NEXT_ID)
    "status": pathlib.Path("/run/podwire/status.json").exists(),
    "ports": [port for port in range(1, 65536) if is_open(port)],
}))
"""
"""Tries to see an agent: its process, a map of the kernel's, its files, its sockets."""


@pytest.fixture(scope="module")
def spy(cluster: Cluster) -> Iterator[Object]:
    """A pod in a namespace that admits nothing beyond the restricted profile."""
    home = namespace("restricted")
    home["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.server.put(home)
    made = cluster.server.put(restricted("spy"))
    wait_until(lambda: len(cluster.ready("restricted", "spy")) == 1, "the spy is ready", 60)
    yield cluster.ready("restricted", "spy")[0]
    cluster.server.delete(made)


def restricted(name: str, **more: object) -> Object:
    """A pod that waits, as its namespace wants it."""
    container = {
        "name": name,
        "image": "localhost/shop:1",
        "imagePullPolicy": "Never",
        "command": ["sleep", "infinity"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    metadata = {"name": name, "namespace": "restricted", "labels": {"app": name}}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, **more}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_the_agent_has_four_capabilities_and_no_way_to_more(podwire: Podwire) -> None:
    """As the kernel says of its process, not as a manifest does."""
    pid = pid_of(podwire.agent())
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    told = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    four = sum(1 << number for number in NUMBERS.values())

    held = {name: int(told[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")}
    assert dict.fromkeys(("CapPrm", "CapEff", "CapBnd"), four) == held
    assert ("1", "2") == (told["NoNewPrivs"], told["Seccomp"])  # never more; with a filter


def test_the_agent_can_write_to_its_two_folders_alone(podwire: Podwire) -> None:
    """Its root is read-only, and nothing of the host is mounted."""
    mounts = Path(f"/proc/{pid_of(podwire.agent())}/mountinfo").read_text().splitlines()
    options = {line.split(" ")[4]: line.split(" ")[5].split(",") for line in mounts}

    ours = {place for place, told in options.items() if "rw" in told}
    assert {"/run/podwire", "/tmp"} == {each for each in ours if not _is_kernels(each)}
    assert "ro" in options["/"]


def _is_kernels(place: str) -> bool:
    """What every container gets of its runtime: of version 1's control groups, the folder alone."""
    return place.startswith(("/proc", "/dev")) or place in {"/etc/hosts", "/sys/fs/cgroup"}


def test_the_agent_listens_to_nobody(podwire: Podwire) -> None:
    """Neither on the network nor on a named or abstract socket of its namespace."""
    tables = Path(f"/proc/{pid_of(podwire.agent())}/net")
    rows = {name: (tables / name).read_text().splitlines()[1:] for name in ("tcp", "tcp6", "unix")}

    listening = [row for name in ("tcp", "tcp6") for row in rows[name] if row.split()[3] == "0A"]
    accepting = [row for row in rows["unix"] if row.split()[3] == "00010000"]
    assert ([], []) == (listening, accepting)


def test_a_restricted_pod_cannot_see_the_agent(podwire: Podwire, spy: Object) -> None:
    """No process, no map, no file, no socket; the node's administrator sees the first two."""
    address = podwire.agent()["status"]["podIP"]
    here = subprocess.run(
        (sys.executable, "-c", LOOK, address), check=True, capture_output=True, text=True
    )
    there = podwire.cluster.run_in(spy, "python3", "-c", LOOK, address)

    assert {"process": True, "maps": True, "status": False, "ports": []} == json.loads(here.stdout)
    assert {"process": False, "maps": False, "status": False, "ports": []} == json.loads(
        there.stdout
    )


def test_a_restricted_namespace_refuses_the_host_s_pids(cluster: Cluster, spy: Object) -> None:
    """The one thing that would show the agent's process."""
    del spy  # its namespace is wanted
    place = "/api/v1/namespaces/restricted/pods"
    answer = cluster.server.http.post(place, json=restricted("peeper", hostPID=True))

    assert 403 == answer.status_code
    assert "host namespaces" in answer.json()["message"]
