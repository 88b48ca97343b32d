"""
What the kernel counted equals what the programs say they did.

Real BPF, real sockets; the truth is the ledger that each program keeps of its own calls.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from bench.stage import free_port

from capture.talk import request, response
from podwire.agent.source import FlowSource
from podwire.app.programs import die_with_parent
from podwire.capture import Kernel
from podwire.model.flow import Flow, Protocol, Role

pytestmark = pytest.mark.root
TALK = str(Path(__file__).parent / "talk.py")
Step = dict[str, Any]


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """The real source, closed afterwards."""
    source: FlowSource = Kernel()
    assert isinstance(source, Kernel)
    yield source
    source.close()


@contextmanager
def program(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A talking program that has said that it is ready."""
    process = subprocess.Popen(
        [sys.executable, TALK, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        preexec_fn=die_with_parent,
    )
    assert process.stdout
    try:
        assert "ready\n" == process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def run(client: "subprocess.Popen[str]", script: list[Step]) -> None:
    """Let a client begin."""
    assert client.stdin
    client.stdin.write(json.dumps(script) + "\n")


def ledger(process: "subprocess.Popen[str]") -> dict[str, int]:
    """What a program wrote in its book."""
    assert process.stdout
    counts = json.loads(process.stdout.readline())
    assert isinstance(counts, dict)
    process.wait(60)
    return counts


class Talk:
    """What was counted and what is true, of a server and a client that ran a script."""

    def __init__(
        self, flows: list[Flow], server: Mapping[str, int], client: Mapping[str, int]
    ) -> None:
        self.flows = flows
        self.server = server
        self.client = client

    def sum(self, role: Role, operation: str, what: str = "count") -> int:
        """One number over all flows of a side."""
        return sum(
            getattr(flow.operations[operation], what)
            for flow in self.flows
            if flow.key.role is role and operation in flow.operations
        )

    def http(self, role: Role, what: str) -> int:
        """One HTTP number over all flows of a side."""
        return sum(
            getattr(flow.http, what) for flow in self.flows if flow.key.role is role and flow.http
        )

    def statuses(self, role: Role) -> dict[int, int]:
        """Responses by status of a side."""
        found: dict[int, int] = {}
        for flow in self.flows:
            if flow.key.role is role and flow.http:
                for code, number in flow.http.responses.items():
                    found[code] = found.get(code, 0) + number
        return found


def talk(kernel: Kernel, script: list[Step], *, address: str = "127.0.0.1") -> Talk:
    """Run a script between two watched processes."""
    port = free_port()
    quit_step = [{"connect": True, "send": request("/quit").decode(), "receive": 1, "close": True}]
    with (
        program("serve", address, str(port)) as server,
        program("drive", address, str(port)) as client,
    ):
        kernel.watch([server.pid, client.pid])
        run(client, [*script, *quit_step])
        books = ledger(client), ledger(server)
    flows = list(kernel.drain())
    assert {} == kernel.losses()
    return Talk(flows, books[1], books[0])


def exchange(target: str, size: int, *, method: str = "GET", body: bytes = b"") -> Step:
    """One request and its whole answer."""
    return {"send": request(target, method, body).decode(), "receive": size}


OPEN: Step = {"connect": True}
CLOSE: Step = {"close": True}
OK_850 = len(response(850, "200 Something"))


def ends_agree(found: Talk) -> None:
    """Calls, bytes, connections and closes of both ends equal their books."""
    for role, book, opened in (
        (Role.CLIENT, found.client, "connects"),
        (Role.SERVER, found.server, "accepts"),
    ):
        assert book["writes"] == found.sum(role, "write"), role
        assert book["written"] == found.sum(role, "write", "bytes"), role
        assert book["reads"] == found.sum(role, "read"), role
        assert book["read"] == found.sum(role, "read", "bytes"), role
        assert book[opened] == found.sum(role, "connect"), role
        assert book["closes"] == found.sum(role, "close"), role


def test_keep_alive_is_exact_at_both_ends(kernel: Kernel) -> None:
    """Sixty requests on one connection, three statuses, every byte."""
    script = [
        OPEN,
        exchange("/200/850", OK_850) | {"times": 40},
        exchange("/404/10", len(response(10, "404 Something"))) | {"times": 10},
        exchange("/500/0", len(response(0, "500 Something"))) | {"times": 10},
        CLOSE,
    ]

    found = talk(kernel, script)

    ends_agree(found)
    for role in (Role.CLIENT, Role.SERVER):
        assert {200: 40, 404: 10, 500: 10} == found.statuses(role)
        # the last request asks the server to end and has no answer
        assert 61 == found.http(role, "requests")
        assert found.client["written"] == found.http(role, "request_bytes")
        assert found.client["read"] == found.http(role, "response_bytes")


def test_thirty_short_connections_are_thirty_opens_and_closes(kernel: Kernel) -> None:
    """One request each; connect, accept and close are counted once."""
    step = OPEN | exchange("/200/850", OK_850) | CLOSE | {"times": 30}

    found = talk(kernel, [step])

    ends_agree(found)
    assert {200: 30} == found.statuses(Role.SERVER)
    assert {200: 30} == found.statuses(Role.CLIENT)


def test_two_watched_processes_are_paired(kernel: Kernel) -> None:
    """Each end of a connection inside one network namespace names the other's pid."""
    found = talk(kernel, [OPEN, exchange("/200/850", OK_850), CLOSE])

    pids = {flow.key.role: flow.key.pid for flow in found.flows}
    peers = {flow.key.role: flow.key.peer.pid for flow in found.flows}
    assert {Role.CLIENT: pids[Role.SERVER], Role.SERVER: pids[Role.CLIENT]} == peers
    assert {Protocol.HTTP1} == {flow.key.protocol for flow in found.flows}


@pytest.mark.parametrize("size", [1000, 10_000, 100_000, 1_000_000])
def test_large_answers_are_counted_whole(kernel: Kernel, size: int) -> None:
    """However many reads they take."""
    length = len(response(size, "200 Something"))

    found = talk(kernel, [OPEN, exchange(f"/200/{size}", length) | {"times": 3}, CLOSE])

    ends_agree(found)
    assert {200: 3} == found.statuses(Role.CLIENT)
    assert 3 * length == found.http(Role.CLIENT, "response_bytes")


def test_a_large_upload_is_counted_whole(kernel: Kernel) -> None:
    """The body is skipped by its length and not read."""
    upload = exchange("/200/850", OK_850, method="POST", body=b"u" * 1_000_000)

    found = talk(kernel, [OPEN, upload | {"times": 3}, CLOSE])

    ends_agree(found)
    assert {200: 3} == found.statuses(Role.SERVER)
    assert found.client["written"] == found.http(Role.SERVER, "request_bytes")


def test_answers_without_a_body_do_not_swallow_the_next(kernel: Kernel) -> None:
    """HEAD, 204 and 304 end with their head, whatever Content-Length says."""
    head = len(response(0, "200 Something")) + 2  # Content-Length has two digits more
    script = [OPEN]
    for _ in range(3):
        script += [
            exchange("/200/850", head, method="HEAD"),
            exchange("/304/850", head),
            exchange("/204/850", head),
            exchange("/200/850", OK_850),
        ]

    found = talk(kernel, [*script, CLOSE])

    ends_agree(found)
    assert {200: 6, 204: 3, 304: 3} == found.statuses(Role.CLIENT)
    assert {200: 6, 204: 3, 304: 3} == found.statuses(Role.SERVER)


def test_a_request_in_single_bytes_is_one_request(kernel: Kernel) -> None:
    """Its first bytes do not tell yet what it is; nothing is lost for that."""
    pieces: Step = {"pieces": list(request("/200/850").decode()), "receive": OK_850}

    found = talk(kernel, [OPEN, pieces | {"times": 3}, CLOSE])

    ends_agree(found)
    assert {200: 3} == found.statuses(Role.SERVER)
    assert found.client["written"] == found.http(Role.CLIENT, "request_bytes")
    assert {Protocol.HTTP1} == {flow.key.protocol for flow in found.flows}


def test_ipv6_counts_like_ipv4(kernel: Kernel) -> None:
    """The peer's address is written without brackets."""
    found = talk(kernel, [OPEN, exchange("/200/850", OK_850) | {"times": 5}, CLOSE], address="::1")

    ends_agree(found)
    assert {"::1"} == {flow.key.peer.address for flow in found.flows}


def test_a_connection_older_than_the_task_is_followed(kernel: Kernel) -> None:
    """It has no connect, and every request from then on."""
    port = free_port()
    step = exchange("/200/850", OK_850) | {"times": 10}
    with program("serve", "127.0.0.1", str(port)) as server:
        with old_connection(port) as send:
            kernel.watch([server.pid])
            for _ in range(step["times"]):
                send(request("/200/850"), OK_850)
            flows = kernel.drain()
        (flow,) = (flow for flow in flows if flow.key.pid == server.pid)

    assert Role.SERVER is flow.key.role
    assert flow.http is not None
    assert (10, {200: 10}) == (flow.http.requests, flow.http.responses)
    assert (10, 10) == (flow.operations["read"].count, flow.operations["write"].count)
    assert "connect" not in flow.operations


@contextmanager
def old_connection(port: int) -> Iterator[Callable[[bytes, int], None]]:
    """A connection that has been used once; calls send a request and read its answer."""
    import socket

    with socket.create_connection(("127.0.0.1", port)) as connection:

        def send(data: bytes, size: int) -> None:
            connection.sendall(data)
            while size:
                size -= len(connection.recv(size))

        send(request("/200/850"), OK_850)
        yield send


def test_nobody_is_counted_unless_watched(kernel: Kernel) -> None:
    """Traffic of two strangers leaves no flow."""
    port = free_port()
    step = [OPEN, exchange("/200/850", OK_850), CLOSE]
    with (
        program("serve", "127.0.0.1", str(port)) as server,
        program("drive", "127.0.0.1", str(port)) as client,
    ):
        kernel.watch([1])
        run(client, step)
        assert 1 == ledger(client)["connects"]
        assert server.poll() is None

    assert [] == list(kernel.drain())


def test_without_a_task_nothing_is_attached(kernel: Kernel) -> None:
    """Idle means no program of ours in the kernel at all; others may have theirs."""
    before = held()
    kernel.watch([1])
    during = held()
    kernel.watch([])

    assert set() == before == held()
    assert during
    deadline_s = time.monotonic() + 60  # the kernel frees programs a moment later
    while programs() & during and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert set() == programs() & during


def held() -> set[int]:
    """Ids of the BPF programs that this very process holds, itself or by a link."""
    found: set[str] = set()
    for each in Path("/proc/self/fdinfo").iterdir():
        with suppress(FileNotFoundError):  # the descriptor of the listing itself
            found |= set(re.findall(r"^prog_id:\s*(\d+)$", each.read_text(), re.MULTILINE))
    return set(map(int, found))


def programs() -> set[int]:
    """Ids of every BPF program that is loaded, from the kernel."""
    import ctypes

    libbpf = ctypes.CDLL("libbpf.so.1")
    found, current = set(), ctypes.c_uint(0)
    while libbpf.bpf_prog_get_next_id(current, ctypes.byref(current)) == 0:
        found.add(current.value)
    return found
