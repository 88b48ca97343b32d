"""
Continuous profiling policies in storage.

In: what an operator sets, whole.  Out: the newest of each service.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from podwire.model.policy import Check, Monitor, Policy, Target
from podwire.storage.engine import Engine

POLICIES = """
SELECT service_id, argMax(targets, updated_ms) FROM policy
WHERE service_id IN {services:Array(String)}
GROUP BY service_id
ORDER BY service_id
"""


async def write(engine: Engine, policy: Policy, now_ms: int) -> None:
    """Keep a policy instead of the one that its service had."""
    targets = json.dumps([asdict(each) for each in policy.targets])
    await engine.insert(
        "policy",
        {"service_id": [policy.service_id], "targets": [targets], "updated_ms": [now_ms]},
    )


async def policies(engine: Engine, services: Sequence[str]) -> list[Policy]:
    """The policies of these service ids; a service that never had one is absent."""
    rows = await engine.query(POLICIES, {"services": list(services)})
    return [Policy(row[0], tuple(_target(each) for each in json.loads(row[1]))) for row in rows]


def _target(written: dict[str, Any]) -> Target:
    return Target(written["target"], tuple(_check(each) for each in written["checks"]))


def _check(written: dict[str, Any]) -> Check:
    monitor, uris = Monitor(written["monitor"]), tuple(written["uris"])
    return Check(**{**written, "monitor": monitor, "uris": uris})
