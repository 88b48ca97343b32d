"""
`make bench-sampling`: what sampled requests cost, and whether each that matches arrives.

In: nothing.  Out: a table in Markdown.  The service numbers its answers, and one in so many
fails: which requests match is known from how many were asked; nothing asks podwire what was right.
"""

import argparse
import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx
import psutil

from bench.account import run_time, statistics
from bench.carry import all_threads_ns
from bench.machine import machine
from bench.native import built, echo, load_command, measured
from bench.pairs import Comparison, Run, compare
from bench.row import Row
from bench.stage import INSTANCE, SERVICE, Stage, stage, wait
from podwire.app.agent import allow_files
from podwire.capture import Kernel
from podwire.cli import find
from podwire.cli.metrics import edge
from podwire.cli.requests import Reason, operation_of
from podwire.model.exchange import Exchange, RecordPolicy
from podwire.model.identity import instance_id, service_id
from podwire.model.process import UNKNOWN_LOCAL
from podwire.wire.graphql import ask

CONNECTIONS, RATE = 16, 10_000.0
PAGE = 2048
NEVER, SOMETIMES = 10**9, 1000
FRESH = 9
"""Records that are waited for, one after the other."""

FAILED = RecordPolicy(when_5xx=True, least_ms=60_000)
DRAIN_S = 0.5
RULE = {
    "when4xx": False,
    "when5xx": True,
    "settings": {"requireCompleteRequest": True, "requireCompleteResponse": True},
}
CREATE = """
mutation ($request: EBPFProfilingNetworkTaskRequest!) {
  createEBPFNetworkProfiling(request: $request) { status errorReason }
}
"""
NUMBER = re.compile(rb"X-Number: (\d+)")


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes."""

    pairs: int
    seconds: float


FULL = Plan(pairs=10, seconds=3)
QUICK = Plan(pairs=2, seconds=1)


def load(port: int, rate: float, seconds: float) -> int:
    """Ask so often for so long; how many were answered, with the load's own first one."""
    command = load_command(port, "http", connections=CONNECTIONS, rate=rate, seconds=seconds)
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return measured(output).requests + 1


@contextmanager
def watched(every: int) -> Iterator[tuple[Kernel, psutil.Process, int]]:
    """The numbering service, measured, and its port."""
    with echo(page=(PAGE, every)) as (service, port):
        kernel = Kernel()
        try:
            kernel.watch([service.pid])
            yield kernel, service, port
        finally:
            kernel.close()


def kernel_time(plan: Plan) -> Iterator[Row]:
    """BPF time of an exchange at the service, sampling on and off in turn."""
    with watched(SOMETIMES) as (kernel, service, port), statistics():

        def switch(is_on: bool) -> None:  # noqa: FBT001 - a switch
            kernel.exchanges()
            kernel.record({service.pid: FAILED} if is_on else {})

        def measure() -> Run:
            before_ns, _ = run_time()
            asked = load(port, RATE, plan.seconds)
            spent_ns = (run_time()[0] - before_ns) / asked
            kernel.exchanges()
            return {"ns": spent_ns}

        found = compare(measure, switch, plan.pairs)["ns"]
    yield Row("BPF time per exchange, sampling off", f"{found.medians()[0]:,.0f} ns")
    yield Row("the same, sampling on, 0.1 % matching", f"{found.medians()[1]:,.0f} ns")
    extra, least, most = extras(found)
    note = f"{least:,.0f} to {most:,.0f} in {plan.pairs} alternating pairs; goal 700"
    yield Row("extra for sampling", f"{extra:,.0f} ns", note)


def extras(found: Comparison) -> tuple[float, float, float]:
    """Median, least and most of what a pair differs by."""
    each = sorted(on - off for off, on in zip(found.without, found.with_, strict=True))
    return each[len(each) // 2], each[0], each[-1]


def untouched(plan: Plan) -> Iterator[Row]:
    """Nothing matches: the recorder's own counter of what it copied."""
    with watched(NEVER) as (kernel, service, port):
        kernel.record({service.pid: FAILED})
        asked = load(port, RATE, plan.seconds)
        found, copied = kernel.exchanges(), kernel.copied_bytes
    assert not found
    yield Row("payload copied, nothing matching", f"{copied} bytes", f"{asked:,} exchanges")


def delivered(plan: Plan, rate: float, every: int, what: str) -> Iterator[Row]:
    """Every exchange that matches, by its number, and no other; or a count of what is missing."""
    with watched(every) as (kernel, service, port):
        kernel.record({service.pid: FAILED})
        command = load_command(
            port, "http", connections=CONNECTIONS, rate=rate, seconds=plan.seconds
        )
        found: list[Exchange] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            while running.poll() is None:
                found += kernel.exchanges()
                time.sleep(DRAIN_S)
            assert running.stdout
            asked = measured(running.stdout.read()).requests + 1
        found += kernel.exchanges()
        lost = {name: count for name, count in kernel.losses().items() if count}
    yield verdict(what, asked, every, found, lost)


def verdict(
    what: str, asked: int, every: int, found: list[Exchange], lost: Mapping[str, int]
) -> Row:
    """What arrived against what the service must have failed."""
    whole = [each for each in found if len(each.response.data) == PAGE]
    assert all(each.response.missing for each in found if each not in whole), "cut, and not marked"
    numbers = [number_of(each) for each in whole]
    true = set(range(every, asked + 1, every))
    assert len(numbers) == len(set(numbers)), "an exchange came twice"
    false, missing = len(set(numbers) - true), len(true) - len(found)
    named = ", ".join(f"{name} {count}" for name, count in lost.items()) or "none"
    note = f"false {false}, cut {len(found) - len(whole)}, missing {missing}; losses: {named}"
    return Row(what, f"{len(numbers):,} of {len(true):,}", note)


def number_of(exchange: Exchange) -> int:
    """What the service numbered it."""
    found = NUMBER.search(exchange.response.data)
    assert found, "an answer without its number"
    return int(found[1])


def agent(plan: Plan) -> Iterator[Row]:
    """The real agent: its CPU as what does not match grows, and what it delivers."""
    for every, rates in ((NEVER, (100.0, 1000.0, RATE)), (100, (RATE,)), (10, (RATE,))):
        with echo(page=(PAGE, every)) as (_, port):
            pattern = f"{re.escape(built('echo'))} {port} "
            with stage(pattern) as here:
                create(here)
                for rate in rates:
                    yield from carried(here, port, rate, every, plan)


def carried(here: Stage, port: int, rate: float, every: int, plan: Plan) -> Iterator[Row]:
    """One rate: the agent's share of a core, and its books."""
    earlier = load(port, rate, 2)
    before_ns, start_s = all_threads_ns(here.agent), time.monotonic()
    asked = load(port, rate, 3 * plan.seconds)
    share = (all_threads_ns(here.agent) - before_ns) / 1e9 / (time.monotonic() - start_s)
    name = "nothing matching" if every == NEVER else f"{rate / every:,.0f} matching a second"
    yield Row(f"agent: CPU at {rate:,.0f} requests/s, {name}", f"{share:.2%} of a core")
    if every == NEVER:
        return
    true = (asked + earlier) // every
    wait("all to be sent or counted", lambda: sum(totals(here).values()) >= true, 20)
    after = totals(here)
    sent = after.pop("sample_sent_total")
    note = ", ".join(f"{key} {count}" for key, count in after.items() if count) or "no losses"
    yield Row(f"agent: samples sent, {name}", f"{sent:,} of {true:,}", note)


def fresh() -> Iterator[Row]:
    """From the last byte of an answer that failed to its record, read over GraphQL."""
    waits = []
    with echo(page=(PAGE, 1)) as (_, port), stage(f"{re.escape(built('echo'))} {port} ") as here:
        create(here)
        for number in range(1, FRESH + 1):
            assert httpx.get(f"http://127.0.0.1:{port}/{number}").status_code == 500
            uri = f"/{number}"
            waits.append(wait("the record", lambda uri=uri: uri in recorded(here.address)))
    waits.sort()
    text = f"{waits[0]:.1f} / {waits[FRESH // 2]:.1f} / {waits[-1]:.1f} s"
    note = f"{FRESH} answers of status 500, one after the other; goal 5 s"
    yield Row("from an answer to its record, min/median/max", text, note)


def recorded(address: str) -> set[str]:
    """URIs of the requests that have a record."""
    asked = find.recently(address, SERVICE, INSTANCE, 10)
    variables = {
        "n0": edge(SERVICE, INSTANCE, UNKNOWN_LOCAL, "server"),
        "duration": asked["duration"],
    }
    answer = ask(address, operation_of(1, [Reason.STATUS_5XX], 100), variables)
    results = answer["status_5xx_0"]["results"]
    return {str(value["id"]) for result in results for value in result["values"]}


LOST = ("sample_dropped_total", "sample_refused_total", "lost_sample_over_limit_total")


def totals(here: Stage) -> dict[str, int]:
    """What became of the exchanges that matched, by the agent's own books."""
    found: Mapping[str, int] = json.loads(here.status.read_text())
    names = ("sample_sent_total", *LOST, "lost_samples_full_total", "lost_pages_full_total")
    return {name: found.get(name, 0) for name in names}


def create(here: Stage) -> None:
    """A task that samples what fails, with or without a trace."""
    request = {
        "instanceId": instance_id(service_id(SERVICE), INSTANCE),
        "samplings": [RULE],
        "requireTraceContext": False,
    }

    def is_created() -> bool:
        answer = ask(here.address, CREATE, {"request": request})
        return bool(answer["createEBPFNetworkProfiling"]["status"])

    wait("the task", is_created)
    wait("the agent to measure", here.is_measuring)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it works")
    plan = QUICK if parser.parse_args().quick else FULL
    allow_files()
    longer = replace(plan, seconds=3 * plan.seconds)
    print(f"Measured on {machine()}.\n\n| what | figure | note |\n|---|--:|---|")
    for rows in (
        kernel_time(plan),
        untouched(plan),
        delivered(longer, RATE, SOMETIMES, "delivered at 10,000/s, 0.1 % matching"),
        delivered(longer, RATE, 100, "delivered at 10,000/s, 100 a second matching"),
        delivered(plan, 0, SOMETIMES, "delivered flat out, 0.1 % matching"),
        delivered(plan, RATE, 1, "delivered when every request fails"),
        agent(plan),
        fresh(),
    ):
        for row in rows:
            print(f"| {row.what} | {row.figure} | {row.note} |", flush=True)


if __name__ == "__main__":
    main()
