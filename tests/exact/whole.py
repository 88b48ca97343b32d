"""
The same numbers at the other end of the river: agent, backend and GraphQL, all real programs.

Nginx, master and workers, is told by its cgroup as a pod would be; its client is a stranger.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.stage import INSTANCE, SERVICE, create_task, stage

from exact.case import Finding, Stage, case
from exact.ends import served, wish
from exact.house import wait
from exact.nginx import Logged, Nginx
from exact.ordinary import back
from podwire.model.process import UNKNOWN_REMOTE
from podwire.wire.graphql import ask

CGROUPS = Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")
METRICS = {
    "requests": "http1_request_cpm",
    "statuses": "http1_response_status_cpm",
    "reads": "server_read_cpm",
    "writes": "server_write_cpm",
    "read_bytes": "server_read_total_bytes",
    "written_bytes": "server_write_total_bytes",
    "opened": "server_connect_cpm",
    "closed": "server_close_cpm",
}
FIELDS = "{ error results { metric { labels { value } } values { value } } }"
ENTITY = {
    "serviceName": SERVICE,
    "normal": True,
    "serviceInstanceName": INSTANCE,
    "processName": UNKNOWN_REMOTE,
    "destServiceName": SERVICE,
    "destNormal": True,
    "destServiceInstanceName": INSTANCE,
    "destProcessName": "server",
}


class Cgroup:
    """A control group of the suite's own, removed at the end."""

    def __init__(self) -> None:
        root = next(path for path in CGROUPS if (path / "cgroup.procs").exists())
        self.path = root / f"podwire-exact-{secrets.token_hex(32)}"  # long as a container's
        self.path.mkdir()

    def take(self, pid: int) -> None:
        (self.path / "cgroup.procs").write_text(str(pid))

    def close(self) -> None:
        wait("the cgroup to be empty", lambda: not (self.path / "cgroup.procs").read_text())
        self.path.rmdir()


def totals(address: str) -> dict[str, dict[str, int]]:
    """Every metric of the edge in the last ten minutes, by label."""
    now_s = time.time()
    duration = {
        "start": time.strftime("%Y-%m-%d %H%M", time.localtime(now_s - 600)),
        "end": time.strftime("%Y-%m-%d %H%M", time.localtime(now_s + 60)),
        "step": "MINUTE",
    }
    parts = "\n".join(
        f'{name}: execExpression(expression: "process_relation_{metric}", '
        f"entity: $entity, duration: $duration) {FIELDS}"
        for name, metric in METRICS.items()
    )
    query = f"query ($entity: Entity!, $duration: Duration!) {{ {parts} }}"
    answer = ask(address, query, {"entity": ENTITY, "duration": duration})
    return {name: _by_label(answer[name]["results"]) for name in METRICS}


def _by_label(results: list[dict[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for result in results:
        label = "".join(each["value"] for each in result["metric"]["labels"])
        found[label] = sum(int(each["value"] or 0) for each in result["values"])
    return found


def measured(here: Stage, wishes: list[list[Any]], **settings: Any) -> Iterator[Finding]:
    """What GraphQL says once it has every request, by nginx's log."""
    group = Cgroup()
    here.on_end(group.close)
    nginx, away, _, _ = served(here)
    for _, target, _ in wishes:
        if target[1:].isdecimal():
            nginx.file(int(target[1:]))
    for pid in nginx.pids:
        group.take(pid)
    with stage(group.path.name, of="cgroup") as programs:
        create_task(programs.address)
        wait("the agent to measure", programs.is_measuring)
        client = here.player(
            away, "gets", address=nginx.house.address, port=nginx.port, wishes=wishes, **settings
        )
        client.say()
        client.output()
        log = nginx.log(len(wishes))
        found = settled(programs.address, nginx.opened)
    yield from compared(nginx, found, log)


def settled(address: str, closes: int) -> dict[str, dict[str, int]]:
    """What is said once the last close has arrived, or after a while without it."""
    with contextlib.suppress(TimeoutError):
        wait("the closes", lambda: sum(totals(address)["closed"].values()) >= closes)
    return totals(address)


def compared(nginx: Nginx, found: dict[str, dict[str, int]], log: Logged) -> Iterator[Finding]:
    """Nginx's edge over GraphQL by its log."""
    sums = {name: sum(values.values()) for name, values in found.items()}
    statuses = dict(sorted((int(code), count) for code, count in found["statuses"].items()))
    yield Finding("requests at nginx", log.requests, sums["requests"])
    yield Finding("statuses at nginx", log.statuses, statuses)
    moved = sums["read_bytes"], sums["written_bytes"]
    yield Finding("bytes read, written at nginx", (log.received, log.sent), moved)
    opened = nginx.opened, nginx.opened
    yield Finding("opened, closed at nginx", opened, (sums["opened"], sums["closed"]))


@case("agent, backend, GraphQL: keep-alive, 60 requests, three statuses")
def keep_alive(here: Stage) -> Iterator[Finding]:
    wishes = [*wish("/850", 40), *wish("/nowhere", 10), *wish(back(500, 20), 10)]
    yield from measured(here, wishes, pause_ms=50)


@case("agent, backend, GraphQL: 30 connections, one request each", seconds=12)
def short(here: Stage) -> Iterator[Finding]:
    yield from measured(here, wish("/850", 30), is_fresh=True)
