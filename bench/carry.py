"""
What the agent itself needs: CPU as traffic grows, memory as flows grow.

In: nothing.  Out: rows. Agent and backend are real programs; CPU is the agent's, all threads, by
the scheduler's account in nanoseconds.
"""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.account import entries_of, memory_of_maps
from bench.native import built, echo, load_command
from bench.row import Row
from bench.stage import Stage, create_task, rss_mb, stage, wait
from podwire.app.programs import die_with_parent

RATES = (100.0, 1000.0, 10_000.0)
FLOWS = 1000
FIRST = "198.19.0.1"
"""Of a subnet that is kept for benchmarks (RFC 2544); it exists in a namespace of our own only."""


def carried(seconds: float) -> Iterator[Row]:
    """Everything about the agent."""
    yield from cpu_by_rate(seconds)
    yield from memory_by_flows(seconds)


def cpu_by_rate(seconds: float) -> Iterator[Row]:
    """One edge, more and more requests over it."""
    with echo() as (_, port), watching(f"{re.escape(built('echo'))} {port}$") as here:
        shares = []
        for rate in RATES:
            subprocess.run(_load(port, rate, 2), check=True, capture_output=True)
            before_ns, start_s = all_threads_ns(here.agent), time.monotonic()
            subprocess.run(_load(port, rate, seconds), check=True, capture_output=True)
            spent_s = (all_threads_ns(here.agent) - before_ns) / 1e9
            shares.append(spent_s / (time.monotonic() - start_s))
            yield Row(f"agent: CPU at {rate:,.0f} requests/s", f"{shares[-1]:.2%} of a core")
        yield Row("agent: CPU at 100x over 1x", f"{shares[2] / shares[0]:.2f}", "1.0: independent")
        yield Row("agent: RSS with one edge", f"{rss_mb(here.agent):.0f} MB")


def _load(port: int, rate: float, seconds: float) -> list[str]:
    return load_command(port, "http", connections=16, rate=rate, seconds=seconds)


def memory_by_flows(seconds: float) -> Iterator[Row]:
    """A thousand peers of one server, each a flow and an edge of its own."""
    holder = namespace()
    enter = ("nsenter", f"--net=/proc/{holder.pid}/ns/net", "--")
    try:
        for words in (
            ("link", "set", "lo", "up"),
            ("route", "add", "local", "198.19.0.0/16", "dev", "lo"),
        ):
            subprocess.run([*enter, "ip", *words], check=True)
        with echo(*enter) as (_, port), watching(f"^{re.escape(built('echo'))} {port}$") as here:
            command = load_command(
                port,
                "http",
                connections=FLOWS,
                rate=2 * FLOWS,
                seconds=seconds + 4,
                source=FIRST,
                address="198.19.250.1",
            )
            subprocess.run([*enter, *command], check=True, capture_output=True)
            flows = entries_of(here.agent.pid)
            note = f"{flows['all']:,} entries in the agent's maps"
            yield Row(f"agent: RSS with {FLOWS:,} flows", f"{rss_mb(here.agent):.0f} MB", note)
            maps = f"{memory_of_maps(here.agent.pid) / 1e6:.1f} MB"
            yield Row(f"memory of all maps with {FLOWS:,} flows", maps)
    finally:
        holder.kill()
        holder.wait()


def namespace() -> "subprocess.Popen[bytes]":
    """A process that holds a network namespace of its own open."""
    own = Path("/proc/self/ns/net").readlink()
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], preexec_fn=die_with_parent)
    wait("a namespace", lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() != own)
    return holder


class watching:  # noqa: N801 - used like a function
    """A stage whose agent measures what a pattern matches."""

    def __init__(self, pattern: str) -> None:
        self._stage = stage(pattern)

    def __enter__(self) -> Stage:
        here = self._stage.__enter__()
        create_task(here.address)
        wait("the agent to measure", here.is_measuring)
        return here

    def __exit__(self, *error: object) -> None:
        self._stage.__exit__(None, None, None)


def all_threads_ns(process: psutil.Process) -> int:
    """CPU time of all threads of a process."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
