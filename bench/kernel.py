"""
What our programs cost in the kernel, by the kernel's own account (`kernel.bpf_stats_enabled`).

In: traffic of two watched processes, and system calls of one that nobody watches.  Out: rows.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.row import Row
from bench.stage import free_port
from podwire.capture import Kernel

STATS = Path("/proc/sys/kernel/bpf_stats_enabled")
EXCHANGES_PER_S, SECONDS = 2000.0, 3.0
CALLS = 300_000

STRANGER = """
import os, sys, time
calls = int(sys.argv[1])
zero = os.open("/dev/zero", os.O_RDONLY)
call = {"getppid": os.getppid, "read": lambda: os.read(zero, 1)}[sys.argv[2]]
start_s = time.perf_counter()
for _ in range(calls):
    call()
print(time.perf_counter() - start_s)
"""


def rows() -> list[Row]:
    """Both kinds of cost, and what a stranger feels of them."""
    with _statistics():
        return [*_exchange(), *_stranger()]


@contextmanager
def _statistics() -> Iterator[None]:
    before = STATS.read_text()
    STATS.write_text("1")
    try:
        yield
    finally:
        STATS.write_text(before)


def _run_time() -> tuple[int, int]:
    """Nanoseconds and runs of every BPF program that this process holds."""
    time_ns = runs = 0
    for entry in Path("/proc/self/fdinfo").iterdir():
        words = dict(
            line.split(":", 1) for line in _text(entry).splitlines() if line.startswith("run_")
        )
        time_ns += int(words.get("run_time_ns", 0))
        runs += int(words.get("run_cnt", 0))
    return time_ns, runs


def _text(entry: Path) -> str:
    try:
        return entry.read_text()
    except FileNotFoundError:  # the descriptor of the listing itself
        return ""


def _exchange() -> Iterator[Row]:
    port = free_port()
    command = [sys.executable, "-m", "bench.traffic"]
    server = subprocess.Popen([*command, "server", str(port)], stdout=subprocess.PIPE)
    assert server.stdout
    server.stdout.readline()
    kernel = Kernel()
    try:
        kernel.watch([server.pid])
        with subprocess.Popen(
            [*command, "client", str(port), str(EXCHANGES_PER_S), str(SECONDS)],
            stdout=subprocess.PIPE,
        ) as client:
            kernel.watch([server.pid, client.pid])
            before_ns, _ = _run_time()
            assert client.stdout
            sent = int(client.stdout.read())
        spent_ns = _run_time()[0] - before_ns
        assert sum(flow.http.requests for flow in kernel.drain() if flow.http) == 2 * sent
    finally:
        kernel.close()
        server.kill()
        server.communicate()
    each_ns = spent_ns / sent / 2
    note = f"one end: its read and its write; {sent} exchanges, both ends watched"
    yield Row("BPF time per monitored HTTP exchange", f"{each_ns:,.0f} ns", note)


def _stranger() -> Iterator[Row]:
    for call, note in (
        ("read", "a call we look at: its number passes, one look-up says no"),
        ("getppid", "a call we never look at: its number says no"),
    ):
        bare_s = _best(call)
        kernel = Kernel()
        try:
            kernel.watch([1])  # not this process: children of a watched one are watched
            before_ns, _ = _run_time()
            _calls(call)
            spent_ns = _run_time()[0] - before_ns
            STATS.write_text("0")  # its own clock reading is not our cost
            felt_s = _best(call)
            STATS.write_text("1")
        finally:
            kernel.close()
        yield Row(f"BPF time per unrelated {call}()", f"{spent_ns / CALLS:,.0f} ns", note)
        ratio = felt_s / bare_s
        yield Row(f"an unwatched loop of {call}(): time with a task over without", f"{ratio:.2f}")


def _calls(call: str) -> float:
    """Seconds that a stranger needs for its calls."""
    command = [sys.executable, "-c", STRANGER, str(CALLS), call]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _best(call: str) -> float:
    return min(_calls(call) for _ in range(5))
