"""
The agent with exactly the capabilities of its manifest, and with each of them taken away.

setpriv drops them as a container's runtime does: out of the bounding set, without a way back. The
API server, the kernel, the backend, the pods' groups and addresses are real.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from bench.stage import free_port

from kube.server import Server, wait_until
from kube.town import NODE, Town, newcomer, town
from podwire.cli import find
from podwire.model import identity
from podwire.wire.graphql import Refused, Unanswered, ask

pytestmark = pytest.mark.root

FOUR = ("bpf", "perfmon", "sys_ptrace", "dac_read_search")
CREATE = """
mutation ($it: EBPFProfilingNetworkTaskRequest!) {
  createEBPFNetworkProfiling(request: $it) { status errorReason }
}
"""
TOPOLOGY = """
query ($instance: ID!, $duration: Duration!) {
  getProcessTopology(serviceInstanceId: $instance, duration: $duration) {
    nodes { id name isReal } calls { source target }
  }
}
"""


PROCESSES = """
query ($instance: ID!, $duration: Duration!) {
  listProcesses(instanceId: $instance, duration: $duration) { name attributes { name value } }
}
"""


@dataclass(frozen=True)
class Place:
    """A backend that runs, and what an agent needs to join it."""

    town: Town
    config: Path
    status: Path
    address: str

    @property
    def instance(self) -> str:
        """The id of the pod `web-1`."""
        return identity.instance_id(identity.service_id(f"web.{self.town.namespace}"), "web-1")

    def known(self) -> dict[str, int]:
        """The agent's newest totals."""
        try:
            found: dict[str, int] = json.loads(self.status.read_text())
        except FileNotFoundError:
            return {}
        return found

    def create_task(self) -> bool:
        """Whether the backend took it: it must know the instance's processes."""
        task = {"instanceId": self.instance, "samplings": []}
        with contextlib.suppress(Unanswered):
            answer = ask(self.address, CREATE, {"it": task})
            return bool(answer["createEBPFNetworkProfiling"]["status"])
        return False

    def attributes_of(self, process: str) -> dict[str, str]:
        """What is known of a process beside its name."""
        variables = {"instance": self.instance, "duration": find.window(self.address, 10)}
        found = ask(self.address, PROCESSES, variables)["listProcesses"]
        mine = next(each for each in found if each["name"] == process)
        return {each["name"]: each["value"] for each in mine["attributes"]}

    def edges(self) -> set[tuple[str, str]]:
        """Who talks to whom, by name."""
        variables: dict[str, Any] = {"instance": self.instance}
        with contextlib.suppress(Refused, Unanswered):
            variables["duration"] = find.window(self.address, 10)
            found = ask(self.address, TOPOLOGY, variables)["getProcessTopology"]
            names = {node["id"]: node["name"] for node in found["nodes"]}
            return {(names[call["source"]], names[call["target"]]) for call in found["calls"]}
        return set()


@pytest.fixture(scope="module")
def place(installed: Server) -> Iterator[Place]:
    """A backend with names from the cluster, and two pods that talk."""
    folder = Path(tempfile.mkdtemp(prefix="privilege-"))
    kubeconfig = json.loads(installed.kubeconfig.read_text())
    kubeconfig["users"][0]["user"]["token"] = installed.token_of("podwire-agent", "podwire")
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    grpc, http = (f"127.0.0.1:{free_port()}" for _ in range(2))
    path = {"layer": "K8S_SERVICE", "service": "{pod.service}.{pod.namespace}"}
    path["process"] = "{process.path | unseen}"
    settings = {
        "backend": {
            "grpc": grpc,
            "http": http,
            "storage": f"chdb:///{folder}/store",
            "kubeconfig": str(installed.kubeconfig),
        },
        "agent": {
            "backend": grpc,
            "kubernetes": {
                "node": NODE,
                "kubeconfig": str(folder / "kubeconfig"),
                "analyzers": [path],
            },
        },
    }
    config = folder / "podwire.yaml"
    config.write_text(yaml.safe_dump(settings))
    command = (sys.executable, "-m", "podwire.cli", "backend", "--config", config)
    backend = subprocess.Popen(command)
    try:
        with town(installed) as pods:
            yield Place(pods, config, folder / "status.json", f"http://{http}")
    finally:
        backend.terminate()
        backend.wait()
        shutil.rmtree(folder, ignore_errors=True)


def with_only(capabilities: Sequence[str], *command: str) -> list[str]:
    """A command that can have these capabilities and can never get others."""
    added = "".join(f",+{each}" for each in capabilities)
    return ["setpriv", "--no-new-privs", "--inh-caps=-all", f"--bounding-set=-all{added}", *command]


@contextlib.contextmanager
def agent(place: Place, capabilities: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """An agent under these capabilities."""
    place.status.unlink(missing_ok=True)
    command = ("agent", "--config", str(place.config), "--status", str(place.status))
    running = subprocess.Popen(
        with_only(capabilities, sys.executable, "-m", "podwire.cli", *command),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.terminate()
        running.communicate(timeout=60)


def without(capability: str) -> list[str]:
    return [each for each in FOUR if each != capability]


def measured_names(place: Place, capabilities: Sequence[str]) -> set[tuple[str, str]]:
    """Run an agent until it has measured; the edges it saw."""
    before = place.edges()
    with agent(place, capabilities):
        wait_until(lambda: place.known().get("process_known") == 2, "both processes known")
        wait_until(place.create_task, "a task")
        wait_until(lambda: place.known().get("collection_sent_total", 0) > 1, "meters sent")
        wait_until(lambda: bool(place.edges() - before), "a new edge")
    return place.edges() - before


def test_four_capabilities_measure(place: Place) -> None:
    """Processes named, traffic measured, and the peer called as its pod is."""
    (edge,) = measured_names(place, FOUR)
    visitor, web = edge

    assert f"visitor-1.{place.town.namespace}" == visitor
    assert Path(web).name.startswith("python")


def test_a_pod_that_comes_later_joins_the_task_of_its_service(
    place: Place, installed: Server
) -> None:
    """Asked for with the service's name alone; nothing else is measured."""
    namespace = place.town.namespace
    service = ("--service", f"web.{namespace}")
    told = (*service, "--address", place.address)
    create = (sys.executable, "-m", "podwire.cli", "task", "create", *told)
    with agent(place, FOUR):
        wait_until(lambda: place.known().get("process_known") == 2, "both processes known")
        wait_until(lambda: subprocess.run(create, check=False).returncode == 0, "a task")
        wait_until(lambda: place.known().get("process_watched") == 1, "web-1 is measured")
        with newcomer(installed, namespace, "web-2"):
            wait_until(lambda: place.known().get("process_watched") == 2, "web-2 is, too")


def test_what_the_cluster_knows_of_a_peer_is_told(place: Place) -> None:
    """Beside the name: what it is, its service, and the node it runs on."""
    namespace = place.town.namespace

    assert {
        "peer": "pod",
        "pod": "visitor-1",
        "namespace": namespace,
        "service": f"visitor.{namespace}",
        "node": NODE,
    } == place.attributes_of(f"visitor-1.{namespace}")


def test_without_sys_ptrace_a_process_s_program_is_unseen(place: Place) -> None:
    """Everything else is measured all the same."""
    (edge,) = measured_names(place, without("sys_ptrace"))

    assert (f"visitor-1.{place.town.namespace}", "unseen") == edge


def test_without_dac_read_search_everything_here_is_measured(place: Place) -> None:
    """No count and no name needs it; what it opens is a library in another user's folder."""
    with agent(place, without("dac_read_search")):
        wait_until(lambda: place.known().get("process_known") == 2, "both processes known")
        wait_until(lambda: place.known().get("collection_sent_total", 0) > 1, "meters sent")


@pytest.mark.parametrize("capability", ["bpf", "perfmon"])
def test_without_bpf_or_perfmon_nothing_is_measured(place: Place, capability: str) -> None:
    """The agent says what it needs and ends with the code for an operator."""
    with agent(place, without(capability)) as running:
        _, said = running.communicate(timeout=60)

    assert 2 == running.returncode
    assert "BPF and PERFMON" in said


def opens(capabilities: Sequence[str], file: Path) -> bool:
    """Whether a file can be read under these capabilities."""
    script = ("-c", f"open({str(file)!r})")
    done = subprocess.run(
        with_only(capabilities, sys.executable, *script), stderr=subprocess.DEVNULL
    )
    return done.returncode == 0


def test_dac_read_search_opens_other_users_folders(tmp_path: Path) -> None:
    """What TLS probes need to read a library where its owner alone may look."""
    folder = tmp_path / "private"
    folder.mkdir()
    library = folder / "libssl.so"
    library.touch()
    shutil.chown(folder, 65534)
    folder.chmod(0o700)

    assert opens(FOUR, library)
    assert not opens(without("dac_read_search"), library)


@pytest.mark.parametrize("capability", [None, *FOUR])
def test_doctor_names_the_capability_that_is_missing(capability: str | None) -> None:
    """That one and no other, with what it is needed for."""
    held = [each for each in FOUR if each != capability]
    command = (sys.executable, "-m", "podwire.cli", "doctor", "--output", "json")
    told = subprocess.run(with_only(held, *command), capture_output=True, text=True).stdout
    rows = [row for row in json.loads(told) if row["check"].startswith("CAP_")]

    missing = [row["check"] for row in rows if row["result"] == "missing"]
    assert ([f"CAP_{capability.upper()}"] if capability else []) == missing
    assert all(row["needed_for"] for row in rows)
