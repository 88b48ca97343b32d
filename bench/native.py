"""
The benchmarks' own C programs: a service of microseconds and what asks it.

In: `bench/echo.c`, `bench/load.c`.  Out: running programs, and what they measured.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

from bench.stage import free_port
from podwire.app.programs import die_with_parent

HERE = Path(__file__).parent
BUILT = HERE.parent / ".output" / "bench"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load measured of itself."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float


@lru_cache
def built(name: str) -> str:
    """A program of ours, compiled anew when its source is newer."""
    source, target = HERE / f"{name}.c", BUILT / name
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        BUILT.mkdir(parents=True, exist_ok=True)
        compiler = (sys.executable, "-m", "ziglang", "cc", "-O2", "-Wall", "-Werror")
        subprocess.run([*compiler, "-o", target, source], check=True)
    return str(target)


def load_command(
    port: int,
    kind: str,
    *,
    connections: int,
    rate: float = 0,
    seconds: float = 1,
    requests: int = 0,
    source: str = "",
    address: str = "127.0.0.1",
) -> list[str]:
    """The command line of a load."""
    numbers = map(str, (connections, rate, seconds, requests))
    return [built("load"), address, str(port), kind, *numbers, *([source] if source else [])]


def measured(output: str) -> Loaded:
    """What a load printed."""
    return Loaded(**json.loads(output))


@contextmanager
def echo(
    *enter: str, cpu: int | None = None, page: tuple[int, int] | None = None
) -> Iterator[tuple[psutil.Process, int]]:
    """
    The service and its port, until the context is left; `enter` is put before its command.

    With `page` its answers have so many bytes, are numbered, and one in so many has status 500.
    """
    process, port = _served(*enter, page=page or ())
    try:
        pin(process.pid, cpu)
        yield psutil.Process(process.pid), port
    finally:
        process.kill()
        process.communicate()


def _served(*enter: str, page: tuple[int, ...]) -> "tuple[subprocess.Popen[bytes], int]":
    """A port that was free may be somebody else's by the time it is listened on: then another."""
    for _ in range(5):
        port = free_port()
        command = [*enter, built("echo"), *map(str, (port, *page))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        assert process.stdout
        if process.stdout.readline():
            return process, port
        process.communicate()
    raise RuntimeError("the echo service cannot listen, see above")


def pin(pid: int, cpu: int | None) -> None:
    """Keep a process on one CPU; one that this machine lacks is none."""
    if cpu is not None and cpu in os.sched_getaffinity(0):
        os.sched_setaffinity(pid, {cpu})


def cpu_ns(pid: int) -> int:
    """CPU time of a process's first thread, in nanoseconds, by the scheduler."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
