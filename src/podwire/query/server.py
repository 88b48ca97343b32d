"""What the server says of itself."""

import hashlib
import time

from ariadne import MutationType, QueryType

import podwire
from podwire.query.context import Info, context_of

query, mutation = QueryType(), MutationType()

COMPATIBLE = "10.4.0"
"""Clients choose their queries by this version of the protocol."""


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
    await context_of(info).source.services()
    return {"score": 0, "details": ""}
