"""A TLS server and its clients, and a source that reads them."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from podwire.app.programs import die_with_parent
from podwire.capture import Kernel
from podwire.capture.balance import laws
from podwire.capture.tls.follow import Means
from podwire.model.flow import Flow, Role

SPEAK = str(Path(__file__).parent / "speak.py")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with a certificate and its key."""
    found = tmp_path_factory.mktemp("tls")
    command = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=speak -keyout key.pem -out cert.pem"
    )
    subprocess.run(["openssl", *command.split()], cwd=found, check=True, capture_output=True)
    return found


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A source that watches nobody yet."""
    found = Kernel()
    yield found
    found.close()


def speaking(*arguments: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    """The program of `speak.py`."""
    return piped(sys.executable, SPEAK, *arguments)


@contextmanager
def piped(*command: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """A program that is talked to by lines, until it is not needed any more."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env=variables or None,
        preexec_fn=die_with_parent,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class Pair:
    """A server and a client, and what the source says of them."""

    def __init__(self, kernel: Kernel, server: "subprocess.Popen[str]", client: Any) -> None:
        self.kernel = kernel
        self.server = server
        self.client = client
        self.flows: list[Flow] = []

    def watch(self) -> None:
        """Watch both; their libraries are probed when it returns."""
        self.kernel.watch([self.server.pid, self.client.pid])
        self.settle()

    def settle(self) -> None:
        """Let the source find what is new."""
        assert self.kernel.tls
        self.kernel.tls.look()
        assert self.kernel.tls.wait(60)

    def drive(self, path: str, **how: Any) -> Mapping[str, int]:
        """Let the client do something; the result is its book since it began."""
        print(json.dumps({"path": path, **how}), file=self.client.stdin)
        found: Mapping[str, int] = json.loads(self.client.stdout.readline())
        return found

    def drain(self) -> None:
        self.flows += self.kernel.drain()

    def told(self, role: Role) -> Mapping[str, int]:
        """What was counted of a side, by the names of the client's book."""
        mine = [flow for flow in self.flows if flow.key.role is role]
        http = [flow.http for flow in mine if flow.http]
        return {
            "connections": sum(flow.tls.connections for flow in mine),
            "requests": sum(sum(each.responses.values()) for each in http),
            "sent": sum(each.request_bytes for each in http),
            "received": sum(each.response_bytes for each in http),
        }

    def agrees(self, book: Mapping[str, int]) -> None:
        """Both sides are as in the book, nothing is lost, and every law holds."""
        self.drain()
        for role in (Role.CLIENT, Role.SERVER):
            assert book == self.told(role), role
        assert {} == self.kernel.losses()
        assert all(law.holds for law in laws(self.kernel.tallies()))


Open = Callable[[Means], Pair]


@pytest.fixture
def opened(folder: Path) -> Iterator[Open]:
    """Pairs, each with a source of its own; all closed afterwards."""
    with ExitStack() as stack:

        def open_pair(means: Means) -> Pair:
            server = stack.enter_context(speaking("serve", str(folder)))
            assert server.stdout
            client = stack.enter_context(speaking("drive", server.stdout.readline().strip()))
            assert client.stdout
            assert "ready\n" == client.stdout.readline()
            kernel = Kernel(means=means)
            stack.callback(kernel.close)
            return Pair(kernel, server, client)

        yield open_pair


@pytest.fixture
def pair(opened: Open) -> Pair:
    """One that is not watched yet."""
    return opened(Means())
