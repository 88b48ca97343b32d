"""
What the demo asks a backend, over GraphQL only.

In: an address.  Out: numbers a minute, edges, tasks. Anything that speaks the schema can answer.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podwire.demo.ledger import Expected
from podwire.demo.rules import INSTANCE, SERVICE
from podwire.model.identity import instance_id, service_id
from podwire.wire.graphql import ask

INSTANCE_ID = instance_id(service_id(SERVICE), INSTANCE)
TIME = "query { getTimeInfo { timezone currentTimestamp } }"
TOPOLOGY = """
query ($instance: ID!, $duration: Duration!) {
  getProcessTopology(serviceInstanceId: $instance, duration: $duration) {
    nodes { id name isReal }
    calls { source target sourceComponents targetComponents }
  }
}
"""
CREATE = """
mutation ($request: EBPFProfilingNetworkTaskRequest!) {
  createEBPFNetworkProfiling(request: $request) { status errorReason id }
}
"""
KEEP = """
mutation ($task: ID!) { keepEBPFNetworkProfiling(taskId: $task) { status errorReason } }
"""
FRAGMENT = "{ error results { metric { labels { key value } } values { id value } } }"
TLS = ("tls", "https")

SAMPLINGS: tuple[dict[str, Any], ...] = (
    {
        "uriRegex": "/orders/.*",
        "minDuration": 300,
        "when4xx": False,
        "when5xx": True,
        "settings": {"requireCompleteRequest": True, "requireCompleteResponse": True},
    },
    {
        "minDuration": 1000,
        "when4xx": True,
        "when5xx": True,
        "settings": {"requireCompleteRequest": True, "requireCompleteResponse": True},
    },
)
"""Slow or failed orders; of everything else what is very slow or an error."""

Minutes = Mapping[str, Mapping[int, int]]
"""Values by label (the empty text without any) and minute."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend's GraphQL; every question runs beside the event loop."""

    address: str

    async def _ask(self, operation: str, **variables: Any) -> dict[str, Any]:
        return await asyncio.to_thread(ask, self.address, operation, variables)

    async def window(self, since_s: float) -> dict[str, str]:
        """From the minute of a Unix time to the next minute, in the backend's time zone."""
        info = (await self._ask(TIME))["getTimeInfo"]
        zone = info["timezone"]
        offset_s = int(zone[0] + "1") * (int(zone[1:3]) * 3600 + int(zone[3:5]) * 60)
        end_s = info["currentTimestamp"] / 1000 + 60
        start, end = (_minute(moment_s + offset_s) for moment_s in (since_s, end_s))
        return {"start": start, "end": end, "step": "MINUTE"}

    async def create_task(self) -> tuple[str, str]:
        """The task's id, or why there is none."""
        request = {"instanceId": INSTANCE_ID, "samplings": list(SAMPLINGS)}
        answer = (await self._ask(CREATE, request=request))["createEBPFNetworkProfiling"]
        return answer["id"] or "", answer["errorReason"] or ""

    async def keep_task(self, task: str) -> bool:
        """Let it run on; false when it has ended."""
        return bool((await self._ask(KEEP, task=task))["keepEBPFNetworkProfiling"]["status"])

    async def values(
        self, source: str, target: str, metrics: Sequence[str], duration: Mapping[str, str]
    ) -> dict[str, Minutes]:
        """Metrics of one edge by minute, all in one question."""
        aliases = "\n".join(
            f'm{n}: execExpression(expression: "{metric}", entity: $entity, duration: $duration) '
            + FRAGMENT
            for n, metric in enumerate(metrics)
        )
        operation = f"query ($entity: Entity!, $duration: Duration!) {{\n{aliases}\n}}"
        answer = await self._ask(operation, entity=_edge(source, target), duration=dict(duration))
        return {metric: _minutes(answer[f"m{n}"]) for n, metric in enumerate(metrics)}

    async def edges(self, duration: Mapping[str, str]) -> list[Expected]:
        """The topology's edges, one for each protocol that was spoken."""
        answer = await self._ask(TOPOLOGY, instance=INSTANCE_ID, duration=dict(duration))
        topology = answer["getProcessTopology"]
        nodes = {node["id"]: node for node in topology["nodes"]}
        found = {
            Expected(
                nodes[call["source"]]["name"],
                nodes[call["target"]]["name"],
                component,
                tls=component in TLS,
                real_target=nodes[call["target"]]["isReal"],
            )
            for call in topology["calls"]
            for component in (*call["sourceComponents"], *call["targetComponents"])
        }
        return sorted(found, key=lambda edge: (edge.source, edge.target, edge.protocol))


def _edge(source: str, target: str) -> dict[str, Any]:
    return {
        "serviceName": SERVICE,
        "normal": True,
        "serviceInstanceName": INSTANCE,
        "processName": source,
        "destServiceName": SERVICE,
        "destNormal": True,
        "destServiceInstanceName": INSTANCE,
        "destProcessName": target,
    }


def _minutes(answer: Mapping[str, Any]) -> Minutes:
    """Nothing for a metric that the backend does not have."""
    return {
        ",".join(label["value"] for label in result["metric"]["labels"]): {
            int(value["id"]): round(float(value["value"]))
            for value in result["values"]
            if value["value"] is not None
        }
        for result in answer["results"]
    }


def _minute(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H%M", time.gmtime(seconds))
