"""Whether and what can be profiled."""

from typing import Any

from ariadne import QueryType

from podwire.model.topology import StoredProcess
from podwire.query.context import Info, context_of

query = QueryType()

RECENT_MS = 600_000
"""What was not heard of for ten minutes cannot be profiled (contract 4.1)."""


@query.field("queryPrepareCreateEBPFProfilingTaskData")
async def prepare(_: object, info: Info, serviceId: str) -> dict[str, Any]:
    found = await _profilable(info, serviceId)
    labels = sorted({label for each in found for label in each.entity.labels})
    return {"couldProfiling": bool(found), "processLabels": labels}


@query.field("estimateProcessScale")
async def estimate(_: object, info: Info, serviceId: str, labels: list[str]) -> int:
    found = await _profilable(info, serviceId)
    return sum(set(labels) <= set(each.entity.labels) for each in found)


async def _profilable(info: Info, service: str) -> list[StoredProcess]:
    """Live processes whose agent says that it could profile them."""
    context = context_of(info)
    found = await context.source.processes(
        service_id=service, since_ms=context.now_ms() - RECENT_MS
    )
    return [each for each in found if each.properties.get("support_ebpf_profiling") == "true"]
