"""`podwire demo` as a program: its check, its bad inputs, and what `kill -9` does to it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from demo.test_shopkeeper import traces, wait
from podwire.demo import leftover
from podwire.demo.question import INSTANCE_ID
from podwire.wire.graphql import ask

pytestmark = pytest.mark.root
ANYWHERE = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
DEMO = (sys.executable, "-m", "podwire.cli", "demo")
MAY_READ = "-all,+dac_read_search"  # Python and podwire may be installed under /root
UNPRIVILEGED = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *(f"--inh-caps={MAY_READ}", f"--ambient-caps={MAY_READ}"),
)


class Running:
    """A demo without a terminal: every two seconds it prints a line."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self._log = log
        wait(lambda: any(note.pid == process.pid for note in leftover.notes()))
        (self.name,) = (note.name for note in leftover.notes() if note.pid == process.pid)
        wait(lambda: bool(self.said("the page: ")))
        self.address = self.said("the page: ").splitlines()[0]

    def said(self, beginning: str) -> str:
        return self._log.read_text().partition(beginning)[2]

    def said_before(self, beginning: str) -> str:
        return self._log.read_text().partition(beginning)[0]

    def pid_of(self, program: str) -> int:
        """The one process of this demo that is `podwire PROGRAM`."""
        found = [
            pid
            for pid in leftover.children(self.name)
            if re.search(rf"podwire\.[.\w]+\0{program}\0", Path(f"/proc/{pid}/cmdline").read_text())
        ]
        return found[0] if len(found) == 1 else 0

    def requests(self) -> int:
        """Requests from customers that GraphQL knows of, by the newest line."""
        lines = [line for line in self._log.read_text().splitlines() if "edges: " in line]
        words = lines[-1].split("UNKNOWN_REMOTE->gateway http ") if lines else []
        return int(words[1].split(",")[0]) if len(words) == 2 else 0


@contextmanager
def running(log: Path) -> Iterator[Running]:
    """An interactive demo, killed in the end if it has not ended."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [*DEMO, *ANYWHERE],
            stdout=output,
            stderr=output,
            text=True,
            preexec_fn=_as_in_the_background,
        )
        try:
            yield Running(process, log)
        finally:
            process.kill()
            process.wait()
            wait(lambda: not any(n.pid == process.pid and alive(n.name) for n in leftover.notes()))
            leftover.remove_all()


def _as_in_the_background() -> None:
    """What a shell without job control does to `command &`; a signal that is sent still holds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup


def alive(name: str) -> bool:
    """Whether a program of a demo is still running."""
    return any(True for _ in leftover.children(name))


def grows(demo: Running) -> Callable[[], bool]:
    """Whether more requests are known than now."""
    before = demo.requests()
    return lambda: demo.requests() > before


def test_the_check_finds_our_numbers_right() -> None:
    """Every family of every edge, read back over GraphQL; nothing else on standard output."""
    found = subprocess.run(
        [*DEMO, "--check", "--seconds", "6", "--output", "json", *ANYWHERE],
        capture_output=True,
        text=True,
        check=False,
    )

    document = json.loads(found.stdout)
    assert [] == [family for family in document["families"] if not family["ok"]]
    assert (0, True) == (found.returncode, document["ok"])
    assert {("http", False), ("https", True)} == {
        (edge["protocol"], edge["tls"]) for edge in document["edges"]
    }
    assert {True, False} == {edge["real_target"] for edge in document["edges"]}


def test_killed_halves_come_back(tmp_path: Path) -> None:
    """`kill -9` of the agent, then of the backend: numbers go on; of the demo: nothing is left."""
    with running(tmp_path / "log") as demo:
        wait(grows(demo))
        for program in ("agent", "backend"):
            before = demo.pid_of(program)
            os.kill(before, signal.SIGKILL)
            wait(lambda program=program, before=before: demo.pid_of(program) not in (0, before))  # type: ignore[misc]
            wait(grows(demo))
        demo.process.kill()
        demo.process.wait()
        wait(lambda: not alive(demo.name))

        assert demo.name in leftover.remove_all()
        assert [] == traces(demo.name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_everything_and_the_page_comes_soon(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The page answers once it is told, before all else; Ctrl-C or a closed terminal ends it."""
    with running(tmp_path / "log") as demo:
        assert httpx.get(demo.address, trust_env=False, timeout=60).is_success
        assert "task" not in demo.said_before("the page: ")
        demo.process.send_signal(number)

        assert 0 == demo.process.wait(60)
        assert [] == traces(demo.name)


def test_a_port_in_use_is_one_message(tmp_path: Path) -> None:
    """Who must do what, exit code 2, before a shop is made; whoever listens is left alone."""
    with running(tmp_path / "log") as demo:
        address = demo.address.removeprefix("http://")
        wait(lambda: demo.requests() > 0)
        before = tasks(demo.address)
        found = subprocess.run(
            [*DEMO, "--check", "--http", address, "--grpc", "127.0.0.1:0"],
            capture_output=True,
            text=True,
            check=False,
        )

        assert (2, "") == (found.returncode, found.stdout)
        assert f"podwire: cannot listen on {address}: Address already in use\n" == found.stderr
        assert before == tasks(demo.address)


def tasks(address: str) -> list[str]:
    """Ids of the tasks that a demo's backend knows."""
    operation = (
        f'{{ found: queryEBPFProfilingTasks(serviceInstanceId: "{INSTANCE_ID}") {{ taskId }} }}'
    )
    return [task["taskId"] for task in ask(address, operation, {})["found"]]


@pytest.mark.parametrize(
    ("less", "way_out"),
    [(UNPRIVILEGED, "sudo"), (("setpriv", "--bounding-set=-sys_admin"), "--privileged")],
)
def test_without_root_there_is_one_message(less: tuple[str, ...], way_out: str) -> None:
    """It names what is missing and the command that gives it, also to a root of a container."""
    found = subprocess.run([*less, *DEMO, "--check"], capture_output=True, text=True, check=False)

    assert (2, "") == (found.returncode, found.stdout)
    assert 1 == len(found.stderr.splitlines()), found.stderr
    assert way_out in found.stderr
