"""
What our programs cost in the kernel, by the kernel's own account (`kernel.bpf_stats_enabled`).

In: traffic of two watched processes, and system calls of one that nobody watches.  Out: rows.
"""

import subprocess
import sys
from collections.abc import Iterator

from bench.account import STATISTICS, run_time, statistics
from bench.row import Row
from bench.stage import free_port
from podwire.capture import Kernel

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
    with statistics():
        return [*_exchange(), *_stranger()]


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
            before_ns, _ = run_time()
            assert client.stdout
            sent = int(client.stdout.read())
        spent_ns = run_time()[0] - before_ns
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
            before_ns, _ = run_time()
            _calls(call)
            spent_ns = run_time()[0] - before_ns
            STATISTICS.write_text("0")  # its own clock reading is not our cost
            felt_s = _best(call)
            STATISTICS.write_text("1")
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
