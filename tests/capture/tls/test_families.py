"""Clients by every family of libraries, against a server of another one: both tell the same."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from capture.tls.conftest import Pair, piped, speaking
from capture.tls.program import BUILD_TIMEOUT_S, need, new_folder
from capture.tls.scene import ARCHIVES, GNUTLS, SHARED, built
from podwire.capture import Kernel
from podwire.capture.balance import laws
from podwire.model.flow import Role

pytestmark = [pytest.mark.root, pytest.mark.timeout(BUILD_TIMEOUT_S)]
HERE = Path(__file__).parent
REQUESTS = 20
ANSWER = len(b"HTTP/1.1 200 OK\r\nContent-Length: 850\r\n\r\n") + 850
FORMS = {"OpenSSL, shared": SHARED, "OpenSSL, static": ARCHIVES, "GnuTLS": GNUTLS}


@cache
def go() -> Path:
    """A client in Go."""
    folder = new_folder()
    folder.joinpath("main.go").write_text(HERE.joinpath("drive.go").read_text())
    folder.joinpath("go.mod").write_text("module drive\n\ngo 1.21\n")
    subprocess.run([need("go"), "build", "-ldflags=-s -w", "."], cwd=folder, check=True)
    return folder / "drive"


def exchange(kernel: Kernel, program: Sequence[str], folder: Path, before: int = 0) -> Pair:
    """Let a client do its requests while both ends are watched, some before."""
    parts = [str(before)] * bool(before) + [str(REQUESTS)]
    with ExitStack() as stack:
        server = stack.enter_context(speaking("serve", str(folder)))
        assert server.stdout
        command = [*program, server.stdout.readline().strip(), *parts]
        client = stack.enter_context(piped(*command))
        assert client.stdin
        assert client.stdout
        for _ in parts[1:]:
            assert "ready\n" == client.stdout.readline()
            client.stdin.write("\n")
        assert "ready\n" == client.stdout.readline()
        pair = Pair(kernel, server, client)
        pair.watch()
        client.communicate("\n", timeout=60)
        assert 0 == client.returncode
    return pair


def read_at_both_ends(pair: Pair, connections: int) -> None:
    """What the server had and sent is what the client sent and had; the answers are known."""
    pair.drain()
    sent = pair.told(Role.SERVER)["sent"]
    book = {"connections": connections, "requests": REQUESTS, "received": REQUESTS * ANSWER}
    pair.agrees(book | {"sent": sent})


@pytest.mark.parametrize("form", FORMS)
def test_a_client_in_c_is_read(kernel: Kernel, folder: Path, form: str) -> None:
    """Its functions are where its family has them, in a library or in the program itself."""
    pair = exchange(kernel, [str(built(*FORMS[form]))], folder)

    sent = REQUESTS * len("GET /850 HTTP/1.1\r\nHost: drive\r\n\r\n")
    book = {"connections": 1, "requests": REQUESTS, "sent": sent, "received": REQUESTS * ANSWER}
    pair.agrees(book)


def test_a_client_in_go_is_read(kernel: Kernel, folder: Path) -> None:
    """Stripped, and however its goroutines move; it lives on."""
    read_at_both_ends(exchange(kernel, [str(go())], folder), 1)


def test_what_an_unseen_read_took_is_not_paired_with_the_next_answer(
    kernel: Kernel, folder: Path
) -> None:
    """A reader that waited in its library when the probes came takes one answer unseen."""
    pair = exchange(kernel, [str(go())], folder, before=3)
    pair.drain()

    assert REQUESTS - 1 == pair.told(Role.CLIENT)["requests"] == pair.told(Role.SERVER)["requests"]
    assert {"http_forgotten": 1, "http_unpaired": 1} == kernel.losses()
    assert all(law.holds for law in laws(kernel.tallies()))


def test_node_is_read(kernel: Kernel, folder: Path) -> None:
    """Four sessions in one thread, whose library makes no system calls."""
    program = [need("node"), str(HERE / "drive.js")]

    read_at_both_ends(exchange(kernel, program, folder), 4)


def test_asyncio_is_read(kernel: Kernel, folder: Path) -> None:
    """The same of Python, whose memory lies otherwise."""
    program = [sys.executable, str(HERE / "drive_memory.py")]

    read_at_both_ends(exchange(kernel, program, folder), 4)


def test_sessions_in_memory_from_before_the_task_are_joined_by_name(
    kernel: Kernel, folder: Path
) -> None:
    """Each writes once before its socket is proven, and so has one answer without a request."""
    program = [sys.executable, str(HERE / "drive_memory.py")]

    pair = exchange(kernel, program, folder, before=4)
    pair.drain()

    assert REQUESTS - 4 == pair.told(Role.CLIENT)["requests"]
    lost = kernel.losses()
    assert {"tls_unplaced": 4, "http_unpaired": 8} == dict(lost)
    assert all(law.holds for law in laws(kernel.tallies()))


class Shell:
    """A watched process whose children live for a moment."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.pid = process.pid
        self._process = process

    def run(self, command: str) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{command}; echo over\n")
        while "over\n" != self._process.stdout.readline():
            pass


def test_a_program_that_lives_for_a_moment_is_read_when_it_comes_back(
    kernel: Kernel, folder: Path
) -> None:
    """Its first handshake tells of it, and its library stays probed when it is gone."""
    program = built(*GNUTLS)
    with ExitStack() as stack:
        server = stack.enter_context(speaking("serve", str(folder)))
        assert server.stdout
        shell = Shell(stack.enter_context(piped("sh")))
        run = f"echo | {program} {server.stdout.readline().strip()} {REQUESTS}"
        pair = Pair(kernel, server, shell)
        pair.watch()
        assert kernel.tls
        for _ in range(50):  # on a busy machine it may be gone before anybody looks
            shell.run(run)
            pair.settle()
            if len(kernel.tls.attached) == 2:
                break
        kernel.drain()

        shell.run(run)
        pair.drain()

    assert REQUESTS == pair.told(Role.CLIENT)["requests"] == pair.told(Role.SERVER)["requests"]
