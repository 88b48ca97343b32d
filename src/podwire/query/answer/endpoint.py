"""
Endpoints: those that rules of their scope have made metrics of.

In: a service, part of a name.  Out: ids and names.
"""

from collections.abc import Mapping
from typing import Any

from ariadne import QueryType

from podwire.model.identity import service_id, split_endpoint_id, split_service_id
from podwire.model.metric import Scope
from podwire.query.context import Info, context_of
from podwire.query.duration import buckets

query = QueryType()

Shape = dict[str, Any]

DAY_S = 86_400
MOST_LOOKED_AT = 10_000
"""Of one service, before the part of a name is looked for."""


@query.field("findEndpoint")
@query.field("searchEndpoint")
async def find_endpoint(
    _: object,
    info: Info,
    serviceId: str,
    limit: int,
    keyword: str | None = None,
    duration: Mapping[str, Any] | None = None,
) -> list[Shape]:
    return await _found(info, serviceId, keyword, limit, duration)


@query.field("findEndpointByName")
async def find_endpoint_by_name(
    _: object,
    info: Info,
    service: Mapping[str, Any],
    limit: int,
    keyword: str | None = None,
    duration: Mapping[str, Any] | None = None,
) -> list[Shape]:
    return await _found(info, service_id(service["serviceName"]), keyword, limit, duration)


async def _found(
    info: Info, service: str, keyword: str | None, limit: int, duration: Mapping[str, Any] | None
) -> list[Shape]:
    """The endpoints of a service by name, of the last day unless another time is asked for."""
    context = context_of(info)
    metrics = [each.name for each in context.metrics.values() if each.scope is Scope.ENDPOINT]
    since_s, until_s = _time(duration, context.now_ms() // 1000)
    if not (metrics and service) or limit < 1:
        return []
    ids = await context.source.entities(
        metrics, f"{service}_", since_s=since_s, until_s=until_s, limit=MOST_LOOKED_AT
    )
    shapes = [{"id": each, "name": split_endpoint_id(each)[1]} for each in ids]
    named = [each for each in shapes if (keyword or "") in each["name"]]
    return sorted(named, key=lambda each: each["name"])[:limit]


def _time(duration: Mapping[str, Any] | None, now_s: int) -> tuple[int, int]:
    if duration is None:
        return now_s - DAY_S, now_s
    times = buckets(duration)
    return times.first_minute_s, times.last_minute_s


@query.field("getEndpointInfo")
def get_endpoint_info(_: object, info: Info, endpointId: str) -> Shape | None:
    """An endpoint's id says all there is to say of it."""
    try:
        service, name = split_endpoint_id(endpointId)
    except ValueError:
        return None
    service_name, _normal = split_service_id(service)
    return {
        "id": endpointId,
        "name": name,
        "serviceId": service,
        "serviceName": service_name,
    }
