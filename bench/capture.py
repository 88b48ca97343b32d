"""
`make bench-capture`: what measuring costs whoever is measured, and us.

In: nothing.  Out: two tables in Markdown, and every single run as JSON.  Load and service are
pinned to a CPU each; what podwire does in user space runs wherever there is room.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import psutil

from bench import account, bare
from bench.account import run_time, statistics
from bench.carry import carried
from bench.machine import machine
from bench.native import BUILT, HERE, built, cpu_ns, echo, load_command, measured, pin
from bench.pairs import Comparison, Run, alternate
from bench.row import Row
from bench.stage import free_port, wait
from podwire.app.agent import allow_files
from podwire.app.programs import die_with_parent
from podwire.capture import Kernel

SERVICE_CPU, LOAD_CPU = 1, 0
CONNECTIONS, RATE = 16, 10_000.0
DRAIN_S = 0.5
LOOK_S = 60
"""So long may it take to look through the libraries of whom we watch."""
NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/b;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{body}"; }} }}
}}
"""


HEAD = """\
| load | what | without | nothing | with | with / without | nothing / without | with / nothing |
|---|---|--:|--:|--:|--:|--:|--:|"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes."""

    turns: int
    seconds: float
    agent_seconds: float
    calls: int


FULL = Plan(turns=12, seconds=2, agent_seconds=10, calls=1_000_000)
QUICK = Plan(turns=2, seconds=0.4, agent_seconds=2, calls=100_000)


@dataclass(frozen=True, slots=True)
class Service:
    """Something that answers."""

    name: str
    kind: str
    port: int
    pids: tuple[int, ...]
    """All of its processes; the last one works."""


@contextmanager
def nginx(folder: Path) -> Iterator[Service]:
    """One worker that answers from memory."""
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port, body="x" * 512))
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(configuration)]
    master = psutil.Popen(command, preexec_fn=die_with_parent)
    try:
        wait("nginx", lambda: (folder / "pid").exists() and master.children())
        worker = master.children()[0].pid
        pin(worker, SERVICE_CPU)
        yield Service("nginx", "http", port, (master.pid, worker))
    finally:
        master.terminate()
        master.wait(10)


@contextmanager
def redis_like() -> Iterator[Service]:
    """The service of microseconds."""
    with echo(cpu=SERVICE_CPU) as (process, port):
        yield Service("echo", "echo", port, (process.pid,))


def loaded(service: Service, kernel: Kernel, rate: float, seconds: float) -> Run:
    """One run: what the load felt, and what the service spent."""
    command = load_command(
        service.port, service.kind, connections=CONNECTIONS, rate=rate, seconds=seconds
    )
    before_ns = cpu_ns(service.pids[-1])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        pin(load.pid, LOAD_CPU)
        while load.poll() is None:
            kernel.drain()
            time.sleep(DRAIN_S if seconds > 2 * DRAIN_S else seconds / 4)
        assert load.stdout
        found = measured(load.stdout.read())
    spent_ns = cpu_ns(service.pids[-1]) - before_ns
    return {
        "requests per second": found.requests / found.seconds,
        "CPU of the service per request, us": spent_ns / 1000 / found.requests,
        "p50, us": found.p50_us,
        "p99, us": found.p99_us,
    }


@dataclass(frozen=True, slots=True)
class Found:
    """A figure in each mode, turn by turn."""

    load: str
    what: str
    without: tuple[float, ...]
    nothing: tuple[float, ...]
    with_: tuple[float, ...]

    def line(self) -> str:
        """A row of the table."""
        figures = " | ".join(
            figure(float(np.median(mode))) for mode in (self.without, self.nothing, self.with_)
        )
        ratios = " | ".join(
            ratio(Comparison(before, after))
            for before, after in (
                (self.without, self.with_),
                (self.without, self.nothing),
                (self.nothing, self.with_),
            )
        )
        return f"| {self.load} | {self.what} | {figures} | {ratios} |"


class Modes:
    """Nothing attached at all; programs that do nothing; podwire, watching."""

    def __init__(self, kernel: Kernel, pids: tuple[int, ...]) -> None:
        self._kernel, self._pids = kernel, pids
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._without()

    def found(self, load: str, measure: Callable[[], Run], turns: int) -> Iterator[Found]:
        """What is measured, in each mode in turn."""
        modes = self._without, self._nothing, self._with
        for what, (without, nothing, with_) in alternate(measure, modes, turns).items():
            yield Found(load, what, without, nothing, with_)

    def _without(self) -> None:
        self._held.close()
        self._kernel.watch(())

    def _nothing(self) -> None:
        self._without()
        self._held.enter_context(bare.nothing())

    def _with(self) -> None:
        self._held.close()
        self._kernel.watch(self._pids)
        if self._kernel.tls:  # once a process, and not what a request costs
            assert self._kernel.tls.wait(LOOK_S)


def costs(plan: Plan) -> Iterator[Found]:
    """Both services, at a fixed rate and flat out."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kernel = Kernel()
        stack.callback(kernel.close)
        for service in (
            stack.enter_context(nginx(folder)),
            stack.enter_context(redis_like()),
        ):
            modes = stack.enter_context(Modes(kernel, service.pids))
            for load, rate in (("10,000/s", RATE), ("flat out", 0.0)):
                run = partial(loaded, service, kernel, rate, plan.seconds)
                yield from modes.found(f"{service.name}, {load}", run, plan.turns)


def exchange(plan: Plan, floor_ns: float) -> Iterator[Row]:
    """BPF time of a plain HTTP exchange at one end: both ends are watched, and it is halved."""
    with echo(cpu=SERVICE_CPU) as (service, port), statistics():
        kernel = Kernel()
        try:
            command = load_command(port, "http", connections=4, rate=4000, seconds=plan.seconds)
            with gated(command) as load:
                kernel.watch([service.pid, load.pid])
                before = run_time()
                found = measured(load.communicate(b"\n")[0].decode())
                after = run_time()
            flows = kernel.drain()
        finally:
            kernel.close()
    assert sum(flow.http.requests for flow in flows if flow.http) == 2 * found.requests + 2
    spent_ns, runs = (now - then for now, then in zip(after, before, strict=True))
    each_ns, own_ns = spent_ns / found.requests / 2, (spent_ns - runs * floor_ns)
    each = f"{runs / found.requests / 2:.1f} runs each, everybody's calls among them"
    note = f"{found.requests} exchanges; a read, a write and a wait at each end; {each}"
    yield Row("BPF time per HTTP exchange at one end", f"{each_ns:,.0f} ns", note)
    own = f"{own_ns / found.requests / 2:,.0f} ns"
    yield Row("of it above programs that do nothing", own, f"floor: {floor_ns:.0f} ns a run")


@contextmanager
def gated(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that becomes the command when it is given a line."""
    gate = ("sh", "-c", 'read go; exec "$@"', "sh")
    process = subprocess.Popen([*gate, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stranger(plan: Plan) -> Iterator[Found]:
    """A read of one byte by somebody unwatched."""
    kernel = Kernel()

    def measure() -> Run:
        return {"time of a read(), ns": call_ns(plan.calls)}

    try:
        # not this process: children of a watched one are watched
        with Modes(kernel, (1,)) as modes:
            yield from modes.found("a stranger", measure, plan.turns)
    finally:
        kernel.close()


def call_ns(calls: int) -> float:
    """What a stranger's read takes."""
    command = [built("stranger"), str(calls)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def floor_ns(calls: int) -> float:
    """One run of a program that does nothing, by the kernel's account."""
    with statistics(), bare.nothing() as programs:
        before = [account.account(fd) for fd in programs]
        call_ns(calls)
        after = [account.account(fd) for fd in programs]
    spent, runs = (
        sum(int(now[field]) - int(then[field]) for now, then in zip(after, before, strict=True))
        for field in ("run_time_ns", "run_cnt")
    )
    return spent / runs


def sizes() -> Iterator[Row]:
    """Instructions of each program, and memory of the maps."""
    kernel = Kernel()
    try:
        kernel.watch([1])
        programs = {
            fd: each for fd, each in account.accounts("prog_id").items() if "prog_type" in each
        }
        for fd, each in programs.items():
            name, instructions = account.describe(fd)
            note = f"{each.get('verified_insns', '?')} looked at by the verifier"
            yield Row(f"program {name}", f"{instructions:,} instructions", note)
        maps = {
            each["map_id"]: int(each["memlock"]) for each in account.accounts("map_id").values()
        }
        note = f"{len(maps)} maps with nothing in them"
        yield Row("memory of all maps", f"{sum(maps.values()) / 1e6:.1f} MB", note)
    finally:
        kernel.close()


def figure(value: float) -> str:
    """Four digits, or whole."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.4g}"


def ratio(comparison: Comparison) -> str:
    """The ratio, and where it lies at 95 %."""
    low, high = comparison.interval
    return f"{comparison.ratio:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes, to see that it works")
    parser.add_argument("--runs", type=Path, help="folder of the raw runs")
    chosen = parser.parse_args()
    plan = QUICK if chosen.quick else FULL
    allow_files()
    compared: list[Found] = []
    print(f"Measured on {machine()}; {plan.turns} turns of three runs of {plan.seconds} s.\n")
    print(HEAD)
    for part in (costs, stranger):
        for found in part(plan):
            compared.append(found)
            print(found.line(), flush=True)
    floor = floor_ns(plan.calls)
    rows: list[Row] = []
    print("\n| what | figure | note |\n|---|--:|---|")
    for rest in (exchange(plan, floor), carried(plan.agent_seconds), sizes()):
        for row in rest:
            rows.append(row)
            print(f"| {row.what} | {row.figure} | {row.note} |", flush=True)
    save(chosen.runs or (BUILT if chosen.quick else HERE) / "runs", plan, compared, rows)


def save(folder: Path, plan: Plan, compared: list[Found], rows: list[Row]) -> None:
    """Every run, for whoever wants to look again."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine(),
        "plan": asdict(plan),
        "compared": [asdict(each) for each in compared],
        "rows": [asdict(row) for row in rows],
    }
    path = folder / time.strftime("capture-%Y%m%d-%H%M.json")
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
