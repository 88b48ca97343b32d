"""
A client of the application over a source that answers what a test put in.

Storage is a fake at its seam, so that times and rows are the test's own; `tests/storage` holds the
real one to the same Protocol.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from podwire.model.audit import Entry
from podwire.model.identity import instance_id, process_id, service_id
from podwire.model.metric import Function, Metric, Scope
from podwire.model.policy import Policy
from podwire.model.process import DetectType, Entity
from podwire.model.record import SampledKind, SampledRecord
from podwire.model.task import NetworkTask
from podwire.model.topology import Edge, Instance, Point, Service, StoredProcess
from podwire.model.trace import Span, SpanEvent
from podwire.query import application

SERVICE = service_id("shop::cart")
INSTANCE = instance_id(SERVICE, "pod-0")
NOW_MS = 1_795_500_000_000
DURATION = {"start": "2000-01-01", "end": "2000-01-02", "step": "DAY", "coldStage": False}


def stored(name: str, detect_type: DetectType = DetectType.KUBERNETES) -> StoredProcess:
    """A process of the one instance."""
    return StoredProcess(
        process_id=process_id(INSTANCE, name),
        entity=Entity(
            layer="K8S_SERVICE", service="shop::cart", instance="pod-0", process=name, labels=("l",)
        ),
        detect_type=detect_type,
        agent_id="agent",
        properties={"pid": "7"},
        first_ping_ms=0,
        last_ping_ms=NOW_MS,
    )


class Rows:
    """A source that answers what the test put in."""

    def __init__(self) -> None:
        self.known = [stored("web"), stored("UNKNOWN_REMOTE", DetectType.VIRTUAL)]
        self.seen: list[Edge] = []
        self.found: dict[str, list[Point]] = {}
        self.kept: list[NetworkTask] = []
        self.questions: list[Sequence[str]] = []
        self.pinged_ms = NOW_MS
        self.samples: list[SampledRecord] = []
        self.traced: list[Span] = []
        self.happened: list[SpanEvent] = []
        self.noted: list[Entry] = []
        self.policy: dict[str, Policy] = {}
        self.ranking: list[tuple[str, int]] = []
        self.asked_within: Sequence[str] | None = None
        self.listed: list[str] = []

    async def services(self) -> Sequence[Service]:
        return [Service(SERVICE, "shop::cart", ("GENERAL", "K8S_SERVICE"))]

    async def instances(self, service_id: str = "") -> Sequence[Instance]:
        return [Instance(INSTANCE, SERVICE, "shop::cart", "pod-0", 0, NOW_MS)]

    async def processes(
        self,
        *,
        service_id: str = "",
        instance_id: str = "",
        ids: Sequence[str] = (),
        since_ms: int = 0,
        until_ms: int = 2**62,
    ) -> Sequence[StoredProcess]:
        if instance_id not in ("", INSTANCE) or service_id not in ("", SERVICE):
            return []
        return [each for each in self.known if not ids or each.process_id in ids]

    async def edges(self, instance_id: str, since_s: int, until_s: int) -> Sequence[Edge]:
        return self.seen

    async def points(
        self, entity: str, metrics: Sequence[str], since_s: int, until_s: int
    ) -> Mapping[str, Sequence[Point]]:
        self.questions.append(metrics)
        return {name: self.found[name] for name in metrics if name in self.found}

    async def top(
        self,
        metric: Metric,
        starts_s: Sequence[int],
        end_s: int,
        *,
        limit: int,
        ascending: bool,
        within: Sequence[str] | None = None,
    ) -> Sequence[tuple[str, int]]:
        self.asked_within = within
        return self.ranking[:limit]

    async def entities(
        self, metrics: Sequence[str], prefix: str, *, since_s: int, until_s: int, limit: int
    ) -> Sequence[str]:
        assert ["pages"] == metrics
        return [each for each in self.listed if each.startswith(prefix)][:limit]

    async def records(
        self,
        kind: SampledKind,
        entity: str,
        *,
        since_ms: int,
        until_ms: int,
        limit: int,
        slowest: bool,
    ) -> Sequence[SampledRecord]:
        return [each for each in self.samples if (each.kind, each.entity) == (kind, entity)][:limit]

    async def spans(self, trace_id: str) -> Sequence[Span]:
        return [each for each in self.traced if each.trace_id == trace_id]

    async def events(self, trace_id: str) -> Sequence[SpanEvent]:
        return [each for each in self.happened if each.trace_id == trace_id]

    async def audit(self, *, since_ms: int, until_ms: int, limit: int) -> Sequence[Entry]:
        return [each for each in self.noted if since_ms <= each.time_ms <= until_ms][-limit:]

    async def write_audit(self, entry: Entry) -> None:
        self.noted.append(entry)

    async def policies(self, service_ids: Sequence[str]) -> Sequence[Policy]:
        return [self.policy[each] for each in service_ids if each in self.policy]

    async def write_policy(self, new: Policy, now_ms: int) -> None:
        self.policy[new.service_id] = new

    async def matching(self, pattern: str, names: Sequence[str]) -> Sequence[str]:
        return [name for name in names if re.search(pattern, name)]

    async def tasks(
        self, *, service_id: str = "", instance_id: str = "", task_id: str = ""
    ) -> Sequence[NetworkTask]:
        return [each for each in self.kept if task_id in ("", each.task_id)]

    async def last_pings(self, instance_ids: Sequence[str]) -> Mapping[str, int]:
        return dict.fromkeys(instance_ids, self.pinged_ms)

    async def write_task(self, new: NetworkTask) -> None:
        self.kept = [new, *(each for each in self.kept if each.task_id != new.task_id)]


class Asking:
    """A client of an application over `Rows`."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.now_ms = NOW_MS
        metrics = {"requests": Metric("requests", Function.SUM_PER_MIN)}
        metrics["codes"] = Metric("codes", Function.SUM_PER_MIN_LABELED)
        metrics["sizes"] = Metric("sizes", Function.SUM_HISTOGRAM)
        metrics["pages"] = Metric("pages", Function.SUM, scope=Scope.ENDPOINT)
        metrics["load"] = Metric("load", Function.AVG, scope=Scope.SERVICE_INSTANCE)
        app = application(self.rows, metrics=metrics, page=None, now_ms=lambda: self.now_ms)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://podwire"
        )

    async def __call__(self, query: str, **variables: object) -> dict[str, Any]:
        answer = await self.client.post("/graphql", json={"query": query, "variables": variables})
        assert 200 == answer.status_code
        body: dict[str, Any] = answer.json()
        return body

    async def data(self, query: str, **variables: object) -> Any:
        body = await self(query, **variables)
        assert "errors" not in body, body
        return body["data"]
