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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import psutil

from bench import account, bare
from bench.account import run_time, statistics
from bench.carry import carried
from bench.machine import machine
from bench.native import BUILT, HERE, allow_files, built, cpu_ns, echo, load_command, measured, pin
from bench.pairs import Comparison, Run, compare
from bench.row import Row
from bench.stage import free_port, wait
from podwire.app.programs import die_with_parent
from podwire.capture import Kernel

SERVICE_CPU, LOAD_CPU = 1, 0
CONNECTIONS, RATE = 16, 10_000.0
DRAIN_S = 0.5
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


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes."""

    pairs: int
    seconds: float
    agent_seconds: float
    calls: int


FULL = Plan(pairs=14, seconds=2.5, agent_seconds=10, calls=1_000_000)
QUICK = Plan(pairs=2, seconds=0.4, agent_seconds=2, calls=100_000)


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


def watch(service: Service, kernel: Kernel, is_on: bool) -> None:  # noqa: FBT001 - a switch
    """Measure a service, or leave it alone: then nothing is attached."""
    kernel.watch(service.pids if is_on else ())


def costs(plan: Plan) -> Iterator[tuple[str, str, Comparison]]:
    """Both services, at a fixed rate and flat out, with and without."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kernel = Kernel()
        stack.callback(kernel.close)
        for service in (
            stack.enter_context(nginx(folder)),
            stack.enter_context(redis_like()),
        ):
            for load, rate in (("10,000/s", RATE), ("flat out", 0.0)):
                found = compare(
                    partial(loaded, service, kernel, rate, plan.seconds),
                    partial(watch, service, kernel),
                    plan.pairs,
                )
                for what, comparison in found.items():
                    yield f"{service.name}, {load}", what, comparison


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


def stranger(plan: Plan) -> Iterator[tuple[str, str, Comparison]]:
    """A read of one byte by somebody unwatched: programs that do nothing, then ours instead."""
    kernel = Kernel()
    floor = ExitStack()

    def switch(is_on: bool) -> None:  # noqa: FBT001 - a switch
        floor.close()
        if is_on:
            kernel.watch([1])  # not this process: children of a watched one are watched
        else:
            kernel.watch([])
            floor.enter_context(bare.nothing())

    def measure() -> Run:
        return {"time of a read(), ns": call_ns(plan.calls)}

    try:
        for what, comparison in compare(measure, switch, plan.pairs).items():
            yield "a stranger, over programs that do nothing", what, comparison
    finally:
        floor.close()
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


def line(load: str, what: str, comparison: Comparison) -> str:
    """A comparison as a row of the table."""
    without, with_ = comparison.medians()
    low, high = comparison.interval
    figures = f"{without:,.4g} | {with_:,.4g} | {comparison.ratio:.3f} | {low:.3f} to {high:.3f}"
    if without >= 1000:
        figures = figures.replace(f"{without:,.4g}", f"{without:,.0f}", 1)
        figures = figures.replace(f"{with_:,.4g}", f"{with_:,.0f}", 1)
    return f"| {load} | {what} | {figures} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it works")
    parser.add_argument("--runs", type=Path, help="folder of the raw runs")
    chosen = parser.parse_args()
    plan = QUICK if chosen.quick else FULL
    allow_files(4096)
    compared: list[tuple[str, str, Comparison]] = []
    print(f"Measured on {machine()}; {plan.pairs} alternating pairs of {plan.seconds} s.\n")
    print("| load | what | without | with | ratio | 95 % |\n|---|---|--:|--:|--:|--:|")
    for part in (costs, stranger):
        for load, what, comparison in part(plan):
            compared.append((load, what, comparison))
            print(line(load, what, comparison), flush=True)
    floor = floor_ns(plan.calls)
    rows: list[Row] = []
    print("\n| what | figure | note |\n|---|--:|---|")
    for rest in (exchange(plan, floor), carried(plan.agent_seconds), sizes()):
        for row in rest:
            rows.append(row)
            print(f"| {row.what} | {row.figure} | {row.note} |", flush=True)
    save(chosen.runs or (BUILT if chosen.quick else HERE) / "runs", plan, compared, rows)


def save(
    folder: Path, plan: Plan, compared: list[tuple[str, str, Comparison]], rows: list[Row]
) -> None:
    """Every run, for whoever wants to look again."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine(),
        "plan": asdict(plan),
        "compared": [{"load": load, "what": what, **asdict(each)} for load, what, each in compared],
        "rows": [asdict(row) for row in rows],
    }
    path = folder / time.strftime("capture-%Y%m%d-%H%M.json")
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
