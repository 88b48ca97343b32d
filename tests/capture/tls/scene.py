"""
Clients in C that ask a server written in Python, whose library is whole, and what is seen of them.

A client ends well only when each of its answers had its full length, so the truth is REQUESTS
exchanges for each.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from capture.tls.conftest import piped, speaking
from capture.tls.program import LIBRARIES, need, new_folder
from podwire.capture import Kernel
from podwire.capture.balance import laws
from podwire.capture.tls import Finder
from podwire.capture.tls.follow import Means
from podwire.model.flow import Flow, Role
from podwire.model.tls import Library

HERE = Path(__file__).parent
REQUESTS = 7
SENT = len("GET /850 HTTP/1.1\r\nHost: drive\r\n\r\n")
RECEIVED = len("HTTP/1.1 200 OK\r\nContent-Length: 850\r\n\r\n") + 850
ARCHIVES = (str(LIBRARIES / "libssl.a"), str(LIBRARIES / "libcrypto.a"))
SHARED = ("-lssl", "-lcrypto")
GNUTLS = ("-DGNUTLS", "-lgnutls")
OPENSSL_DEV = "libssl-dev", Path("/usr/include/openssl/ssl.h")
GNUTLS_DEV = "libgnutls28-dev", Path("/usr/include/gnutls/gnutls.h")


@cache
def built(*options: str, source: str = "drive.c") -> Path:
    """The client, built with these options."""
    package, header = GNUTLS_DEV if GNUTLS[0] in options else OPENSSL_DEV
    if not header.exists():
        pytest.skip(f"{package} is not installed")
    made = new_folder() / "drive"
    subprocess.run([need("cc"), str(HERE / source), "-o", str(made), *options], check=True)
    return made


def copied(program: Path, folder: Path, name: str = "drive") -> Path:
    return Path(shutil.copy(program, folder / name))


def asked(clients: int) -> Mapping[str, int]:
    """What so many clients did, by the names of `told`."""
    requests = clients * REQUESTS
    return {
        "connections": clients,
        "readable": clients,
        "requests": requests,
        "sent": requests * SENT,
        "received": requests * RECEIVED,
    }


@dataclass(slots=True)
class Scene:
    """A server that can be read, some clients, and what a source says of them."""

    kernel: Kernel
    server: "subprocess.Popen[str]"
    port: str
    stack: ExitStack
    clients: list["subprocess.Popen[str]"] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)

    def start(
        self, program: Path, requests: int = REQUESTS, **variables: str
    ) -> "subprocess.Popen[str]":
        """One that waits for its beginning."""
        command = (str(program), self.port, str(requests))
        client = self.stack.enter_context(piped(*command, **variables))
        assert client.stdout
        assert "ready\n" == client.stdout.readline()
        self.clients.append(client)
        return client

    def watch(self) -> None:
        """Both sides; what can be probed of them is probed when this returns."""
        self.kernel.watch([self.server.pid, *(each.pid for each in self.clients)])
        assert self.kernel.tls
        self.kernel.tls.look()
        assert self.kernel.tls.wait(60)

    def begin(self) -> None:
        """All clients at once."""
        for each in self.clients:
            assert each.stdin
            print(file=each.stdin, flush=True)

    def play(self) -> None:
        """To the good end of all clients."""
        self.begin()
        for each in self.clients:
            assert 0 == each.wait(60)
        self.flows += self.kernel.drain()

    def told(self, role: Role) -> Mapping[str, int]:
        """What was counted of a side."""
        mine = [flow for flow in self.flows if flow.key.role is role]
        http = [flow.http for flow in mine if flow.http]
        return {
            "connections": sum(flow.tls.connections for flow in mine),
            "readable": sum(flow.tls.readable for flow in mine),
            "requests": sum(sum(each.responses.values()) for each in http),
            "sent": sum(each.request_bytes for each in http),
            "received": sum(each.response_bytes for each in http),
        }

    def libraries(self, client: "subprocess.Popen[str]") -> tuple[Library, ...]:
        """What the last look before the end found in it."""
        assert self.kernel.tls
        return self.kernel.tls.libraries()[client.pid]

    def is_exact(self) -> None:
        """Everything of every client is read at both ends, nothing is lost, every law holds."""
        for role in (Role.CLIENT, Role.SERVER):
            assert asked(len(self.clients)) == self.told(role), role
        self.is_whole()

    def is_ciphertext(self) -> None:
        """Nothing of the clients is read, all of the server is; nothing is lost."""
        nothing = dict.fromkeys(asked(1), 0) | {"connections": len(self.clients)}
        assert nothing == self.told(Role.CLIENT)
        assert asked(len(self.clients)) == self.told(Role.SERVER)
        self.is_whole()

    def is_whole(self) -> None:
        assert {} == self.kernel.losses()
        assert all(law.holds for law in laws(self.kernel.tallies()))


@contextmanager
def staged(folder: Path, finder: Finder, linger_s: float = 0) -> Iterator[Scene]:
    """The server, and a source that looks through files by that finder."""
    with ExitStack() as stack:
        server = stack.enter_context(speaking("serve", str(folder)))
        assert server.stdout
        port = server.stdout.readline().strip()
        kernel = Kernel(means=Means(finder=finder, linger_s=linger_s))
        stack.callback(kernel.close)
        yield Scene(kernel, server, port, stack)
