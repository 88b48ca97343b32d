"""
Ten minutes of processes that come and go: 10,000 of them, each with ten connections.

`python -m bench.churn [--seconds 600]` runs agent and backend, lets the agent measure a service and
everybody who asks it (the parent of them is watched, so each is from its fork on), and prints what
the agent holds from time to time: memory, descriptors, links, entries of the kernel's maps. None
of it may grow with time; the last look is when everybody has gone.
"""

import argparse
import json
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench.account import accounts, entries_of, memory_of_maps
from bench.carry import all_threads_ns, watching
from bench.machine import machine
from bench.native import built, echo, load_command
from bench.stage import Stage, keep_task, rss_mb
from podwire.app.programs import die_with_parent

PROCESSES, SECONDS, CONNECTIONS = 10_000, 600.0, 10
LOOKS = 6
KEEP_S = 20.0
"""Between two attempts to prolong the task, which ends after ten minutes by itself."""

SETTLED_S = 10.0
"""After so long nothing of those who have gone is held any more."""

PEERS = 50
"""Addresses that the connections come from, in turn."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What the agent holds at one moment."""

    after_s: float
    started: int
    rss_mb: float
    descriptors: int
    links: int
    programs: int
    entries: int
    maps_mb: float
    cpu_s: float
    totals: Mapping[str, int]


def hold(here: Stage, start_s: float, started: int) -> Holding:
    """Look at the agent from outside."""
    pid = str(here.agent.pid)
    return Holding(
        after_s=time.monotonic() - start_s,
        started=started,
        rss_mb=rss_mb(here.agent),
        descriptors=here.agent.num_fds(),
        links=len(accounts("link_type", pid)),
        programs=len(accounts("prog_type", pid)),
        entries=entries_of(here.agent.pid)["all"],
        maps_mb=memory_of_maps(here.agent.pid) / 1e6,
        cpu_s=all_threads_ns(here.agent) / 1e9,
        totals=json.loads(here.status.read_text()),
    )


def churn(here: Stage, port: int, seconds: float, processes: int) -> list[Holding]:
    """Start processes at a steady rate; look at the agent before, meanwhile and after it."""
    start_s = kept_s = time.monotonic()
    found = [hold(here, start_s, 0)]
    running: list[subprocess.Popen[bytes]] = []
    for number in range(1, processes + 1):
        time.sleep(max(0.0, start_s + number * seconds / processes - time.monotonic()))
        running = [each for each in running if each.poll() is None]
        running.append(visitor(port, number))
        if number % (processes // LOOKS) == 0:
            found.append(hold(here, start_s, number))
        if time.monotonic() - kept_s > KEEP_S:
            keep_task(here.address)
            kept_s = time.monotonic()
    for each in running:
        each.wait(30)
    time.sleep(SETTLED_S)
    return [*found, hold(here, start_s, processes)]


def visitor(port: int, number: int) -> "subprocess.Popen[bytes]":
    """A process that asks once on each of its connections and ends."""
    first = f"127.1.0.{1 + number * CONNECTIONS % PEERS}"
    command = load_command(
        port, "http", connections=CONNECTIONS, seconds=30, requests=CONNECTIONS, source=first
    )
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)


def show(found: list[Holding], connections: int = CONNECTIONS) -> None:
    """A table with a column a moment, of what is not zero all the time; connections a process."""
    rows: list[tuple[str, str, list[float]]] = [
        ("processes so far", ",.0f", [each.started for each in found]),
        ("connections so far", ",.0f", [each.started * connections for each in found]),
        ("agent: RSS, MB", ",.1f", [each.rss_mb for each in found]),
        ("agent: descriptors", ",.0f", [each.descriptors for each in found]),
        ("agent: BPF links", ",.0f", [each.links for each in found]),
        ("agent: BPF programs", ",.0f", [each.programs for each in found]),
        ("entries in its hash maps", ",.0f", [each.entries for each in found]),
        ("memory of its maps, MB", ",.1f", [each.maps_mb for each in found]),
        ("agent: CPU so far, s", ",.1f", [each.cpu_s for each in found]),
    ]
    names = sorted({name for each in found for name in each.totals})
    rows += [(name, ",.0f", [each.totals.get(name, 0) for each in found]) for name in names]
    print("| after | " + " | ".join(f"{each.after_s:,.0f} s" for each in found) + " |")
    print("|---|" + "--:|" * len(found))
    for what, form, values in rows:
        if any(values):
            print(f"| {what} | " + " | ".join(format(value, form) for value in values) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    seconds = parser.parse_args().seconds
    processes = max(10, round(PROCESSES * seconds / SECONDS))
    with echo() as (_, port):
        service, visitors = re.escape(built("echo")), re.escape(built("load"))
        parent = r"^\S+ -m bench\.churn( --seconds \S+)?$"
        watched = (rf"^{service} {port}$", rf"^{visitors} \S+ {port} ", parent)
        with watching("|".join(watched)) as here:
            found = churn(here, port, seconds, processes)
    print(f"Measured on {machine()}.\n")
    show(found)


if __name__ == "__main__":
    main()
