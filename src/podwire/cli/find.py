"""
Names that people type become the backend's own.

In: names of services, instances and processes.  Out: ids and entities; an unknown name is refused
with those that exist.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from podwire.model.identity import instance_id, service_id
from podwire.wire.graphql import Refused, ask

UNDEFINED = ("undefined", "Cannot query field")
"""How a field that is not in a schema is refused: by graphql-java and by graphql-core."""

TIME = "query { getTimeInfo { timezone currentTimestamp } }"
SERVICES = "query { listServices { id name } }"
INSTANCES = """
query ($duration: Duration!, $serviceId: ID!) {
  listInstances(duration: $duration, serviceId: $serviceId) { id name }
}
"""


def window(address: str, minutes: int) -> dict[str, str]:
    """The last minutes up to now, as a `Duration` in the backend's own time zone."""
    info = ask(address, TIME)["getTimeInfo"]
    zone = info["timezone"]
    offset_s = int(zone[0] + "1") * (int(zone[1:3]) * 3600 + int(zone[3:5]) * 60)
    end_s = info["currentTimestamp"] // 1000 + offset_s
    return {"start": _minute(end_s - minutes * 60), "end": _minute(end_s), "step": "MINUTE"}


def days(address: str, count: int) -> dict[str, str]:
    """The last days up to today, as a `Duration` in the backend's own time zone."""
    today = window(address, 0)["end"].partition(" ")[0]
    first = date.fromisoformat(today) - timedelta(days=count - 1)
    return {"start": first.isoformat(), "end": today, "step": "DAY"}


def _minute(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H%M", time.gmtime(seconds))


def service(address: str, name: str) -> str:
    """The id of a service; `Refused` names what exists when it does not."""
    _exists("service", name, ask(address, SERVICES)["listServices"])
    return service_id(name)


def instance(address: str, of: str, name: str, duration: Mapping[str, str]) -> str:
    """The id of an instance of a service; `Refused` names what exists when it does not."""
    identity = service(address, of)
    there = ask(address, INSTANCES, {"duration": dict(duration), "serviceId": identity})
    _exists("instance", name, there["listInstances"])
    return instance_id(identity, name)


def recently(address: str, of: str, name: str, minutes: int) -> dict[str, Any]:
    """What is asked about: `$instance` of a service, in its `$duration`, the last minutes."""
    duration = window(address, minutes)
    return {"instance": instance(address, of, name, duration), "duration": duration}


def ours(address: str, field: str, operation: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """A field that podwire's schema has and SkyWalking's has not; `Refused` says so elsewhere."""
    try:
        return ask(address, operation, variables)
    except Refused as error:
        if field in str(error) and any(each in str(error) for each in UNDEFINED):
            text = f"the backend at {address} has no {field}: it is not podwire's"
            raise Refused(text) from error
        raise


def _exists(what: str, name: str, there: Sequence[Mapping[str, Any]]) -> None:
    names = sorted(each["name"] for each in there)
    if name not in names:
        raise Refused(f"there is no {what} {name!r}; there are: {', '.join(names) or 'none yet'}")
