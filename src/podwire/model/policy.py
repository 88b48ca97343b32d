"""
Continuous profiling policies: what makes an agent start a task by itself (contract 1.8).

In: an operator's request, one policy a service.  Out: the agents of the service's processes.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Monitor(StrEnum):
    """What of a process is watched; the names are the wire's."""

    PROCESS_CPU = "PROCESS_CPU"
    PROCESS_THREAD_COUNT = "PROCESS_THREAD_COUNT"
    SYSTEM_LOAD = "SYSTEM_LOAD"
    HTTP_ERROR_RATE = "HTTP_ERROR_RATE"
    HTTP_AVG_RESPONSE_TIME = "HTTP_AVG_RESPONSE_TIME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition: `count` times at or above the threshold within `period_s` seconds."""

    monitor: Monitor
    threshold: str
    """A whole number: percent, threads, load or milliseconds, by the monitor."""

    period_s: int
    count: int
    uris: tuple[str, ...] = ()
    uri_regex: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What is started when one of the checks holds: ON_CPU, OFF_CPU or NETWORK."""

    target: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that is watched at the processes of one service; nothing without targets."""

    service_id: str
    targets: tuple[Target, ...]

    @property
    def uuid(self) -> str:
        """Changes with the content, and so tells an agent whether it has this very policy."""
        text = json.dumps([asdict(each) for each in self.targets], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
