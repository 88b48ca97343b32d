"""What the server says of itself."""

import hashlib
import time

from ariadne import MutationType, QueryType

import podwire
from podwire.query.context import Info, context_of

query, mutation = QueryType(), MutationType()

COMPATIBLE = "10.4.0"
"""Clients choose their queries by this version of the protocol."""


NO_STORE = "the store does not answer; the log says why"


@query.field("version")
@mutation.field("version")
def version(*_: object) -> str:
    build = hashlib.sha256(podwire.__version__.encode()).hexdigest()[:7]
    return f"{COMPATIBLE}-{build}"


@query.field("getTimeInfo")
def get_time_info(_: object, info: Info) -> dict[str, object]:
    now_ms = context_of(info).now_ms()
    timezone = time.strftime("%z", time.localtime(now_ms / 1000))
    return {"timezone": timezone, "currentTimestamp": now_ms}


@query.field("checkHealth")
async def check_health(_: object, info: Info) -> dict[str, object]:
    context = context_of(info)
    try:
        await context.source.services()
    except context.failures:
        return {"score": 1, "details": NO_STORE}
    return {"score": 0, "details": ""}


RECORDS_DAYS = 3
METRICS_DAYS = 7
NO_COLD_STAGE = -1


@query.field("getRecordsTTL")
def get_records_ttl(*_: object) -> dict[str, int]:
    """How many days samples, traces and logs stay; there is no slower store behind."""
    warm = dict.fromkeys(("normal", "trace", "zipkinTrace", "log", "browserErrorLog"), RECORDS_DAYS)
    return warm | {f"cold{name[0].upper()}{name[1:]}": NO_COLD_STAGE for name in warm}


@query.field("getMetricsTTL")
def get_metrics_ttl(*_: object) -> dict[str, int]:
    """How many days metrics stay; hours and days are merged from the minutes."""
    cold = dict.fromkeys(("coldMinute", "coldHour", "coldDay"), NO_COLD_STAGE)
    return dict.fromkeys(("metadata", "minute", "hour", "day"), METRICS_DAYS) | cold
