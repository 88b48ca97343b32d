"""
What the whole backend takes in: gRPC, rules, storage.

In: edge reports as agents send them, by fifty senders, as fast as they are answered or every two
seconds.  Out: samples per core-second, where a sample is a single value or a histogram's bucket and
CPU is all of the backend's process; and the proof that the store holds what was acknowledged.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench.asker import PROBE_ENTITY
from bench.ledger import differences
from bench.load import METERS, SAMPLES, SENDERS, Load
from bench.row import Row
from bench.stage import cpu_s, free_port, program, rss_mb, wait
from podwire.app.programs import die_with_parent
from podwire.wire.graphql import ask

SERIES = 27
"""Live series of an edge, as the unit of memory counts them."""

STAGES = {
    "rules": "scan, rules",
    "inserts": "merge, encode",
    "questions": "queries",
}
"""What the backend's own threads do, by their names."""


@dataclass(frozen=True, slots=True)
class Case:
    """So many edges, as fast as they are answered or paced, for a while."""

    edges: int
    is_paced: bool
    seconds: float

    @property
    def title(self) -> str:
        return f"{self.edges:,} edges, {'every 2 s' if self.is_paced else 'closed loop'}"


CASES = (
    Case(100, is_paced=False, seconds=20),
    Case(1_000, is_paced=False, seconds=20),
    Case(10_000, is_paced=False, seconds=30),
    Case(100_000, is_paced=False, seconds=60),
    Case(100, is_paced=True, seconds=20),
    Case(1_000, is_paced=True, seconds=30),
)
QUICK = (Case(100, is_paced=False, seconds=4), Case(200, is_paced=True, seconds=6))


@dataclass(slots=True)
class Found:
    """What a case came to."""

    case: Case
    reports: int
    took_s: float
    used_s: float
    rss_mb: float
    idle_mb: float
    answers_ms: list[float]
    asked_ms: dict[str, list[float]]
    stages: dict[str, float]
    compared: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def samples_per_core_s(self) -> float:
        return self.reports * SAMPLES / self.used_s

    def cells(self) -> list[str]:
        """A line of the table."""
        return [
            self.case.title,
            f"{self.reports * SAMPLES / self.took_s / 1e3:,.0f}k",
            f"{self.samples_per_core_s / 1e3:,.0f}k",
            f"{self.reports * METERS / self.took_s / 1e3:,.1f}k",
            f"{self.used_s / self.took_s:.2f}",
            f"{self.idle_mb:.0f} / {self.rss_mb:.0f}",
            _percentiles(self.asked_ms["fresh"]),
            _percentiles(self.answers_ms),
            _percentiles(self.asked_ms["topology"]),
            _percentiles(self.asked_ms["expression"]),
            f"{self.compared:,} equal" if not self.wrong else "DIFFERENT",
        ]


COLUMNS = (
    *("load", "samples/s", "per core-s", "MeterData/s", "cores", "RSS MB idle / after"),
    *("fresh ms p50 / p95", "answer", "topology", "expression", "read back"),
)


def _percentiles(times_ms: Sequence[float]) -> str:
    if not times_ms:
        return "-"
    ordered = sorted(times_ms)
    half, most = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95))
    return f"{half:,.0f} / {most:,.0f}"


def measure(case: Case, folder: str) -> Found:
    """Run a case on a new backend and store, and read the store back afterwards."""
    address, http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    dsn = f"chdb://{folder}/ingest-{case.edges}-{case.is_paced}"
    print(f"{case.title} ...", file=sys.stderr)
    load = Load(address, case.edges, case.is_paced)
    with program("backend", "--grpc", address, "--http", http, "--storage", dsn) as backend:
        wait("the backend", lambda: ask(f"http://{http}", "{ version }"))
        idle_mb = rss_mb(backend)
        with _asker(address, http, load.instances) as asker:
            found = asyncio.run(_drive(load, case, backend, idle_mb))
            found.asked_ms = json.loads(asker.communicate()[0])
        found.rss_mb = rss_mb(backend)
        status = wait_json(http)
    lost = {name: count for name, count in status.items() if "lost" in name or "refused" in name}
    found.wrong = [f"{name}: {count}" for name, count in lost.items() if count]
    found.compared, wrong = asyncio.run(differences(load.ledger, dsn, PROBE_ENTITY))
    found.wrong += wrong
    return found


def wait_json(http: str) -> dict[str, int]:
    """The totals of the backend."""
    import httpx

    found: dict[str, int] = httpx.get(f"http://{http}/status", timeout=30).json()
    return {name: count for name, count in found.items() if isinstance(count, int)}


async def _drive(load: Load, case: Case, backend: psutil.Process, idle_mb: float) -> Found:
    await load.everything_once()
    load.answers_ms.clear()
    before, threads = load.reports, _threads(backend)
    before_s, start_s = cpu_s(backend), time.monotonic()
    await (load.paced if case.is_paced else load.closed_loop)(case.seconds)
    took_s, used_s = time.monotonic() - start_s, cpu_s(backend) - before_s
    stages = {stage: used - threads.get(stage, 0.0) for stage, used in _threads(backend).items()}
    return Found(
        case, load.reports - before, took_s, used_s, 0.0, idle_mb, load.answers_ms, {}, stages
    )


def _threads(backend: psutil.Process) -> dict[str, float]:
    """CPU seconds by stage."""
    found: defaultdict[str, float] = defaultdict(float)
    for thread in backend.threads():
        path = Path(f"/proc/{backend.pid}/task/{thread.id}/comm")
        try:
            name = path.read_text().strip()
        except OSError:
            continue
        found[_stage(name, is_main=thread.id == backend.pid)] += thread.user_time
        found[_stage(name, is_main=thread.id == backend.pid)] += thread.system_time
    return found


def _stage(name: str, *, is_main: bool) -> str:
    if is_main:
        return "event loop, gRPC in Python"
    if name.startswith(("grpc", "event_engine", "resolver", "timer")):
        return "gRPC's own threads"
    return STAGES.get(name, "ClickHouse")


@contextmanager
def _asker(address: str, http: str, instances: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.asker", address, http, str(instances)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def rows(folder: str) -> list[Row]:
    """The figure of the summary: a hundred edges in a closed loop."""
    found = measure(QUICK[0], folder)
    assert not found.wrong, found.wrong
    figure = f"{found.samples_per_core_s / 1e3:,.0f}k"
    note = f"gRPC to storage, {found.case.title}, {SENDERS} senders; all read back"
    return [
        Row("backend: samples per core-second", figure, note),
        Row("backend: RSS after that", f"{found.rss_mb:.0f} MB"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short proof instead of the table")
    parser.add_argument("--edges", type=int, help="only the cases of so many edges")
    parser.add_argument("--markdown", action="store_true")
    chosen = parser.parse_args()
    cases = QUICK if chosen.quick else CASES
    results = []
    for case in cases:
        if chosen.edges in (None, case.edges):
            with tempfile.TemporaryDirectory() as folder:
                results.append(measure(case, folder))
            print(f"{case.title}: {_shares(results[-1])}", file=sys.stderr)
            for line in results[-1].wrong:
                print(f"  {line}", file=sys.stderr)
    _show(results, is_markdown=chosen.markdown)
    sys.exit(any(found.wrong for found in results))


def _shares(found: Found) -> str:
    ordered = sorted(found.stages.items(), key=lambda each: -each[1])
    return ", ".join(f"{stage} {used / found.used_s:.0%}" for stage, used in ordered)


def _show(results: Sequence[Found], *, is_markdown: bool) -> None:
    if is_markdown:
        print(f"| {' | '.join(COLUMNS)} |\n|---|{'--:|' * (len(COLUMNS) - 1)}")
        for found in results:
            print(f"| {' | '.join(found.cells())} |")
        return
    table = Table(*COLUMNS, box=None)
    for found in results:
        table.add_row(*found.cells())
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
