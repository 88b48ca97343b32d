"""Who is there, and who talks to whom: what storage answers and queries show."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from podwire.model.metric import Side
from podwire.model.process import DetectType, Entity


@dataclass(frozen=True, slots=True)
class Service:
    """A service with every layer it was seen in."""

    service_id: str
    name: str
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance: a pod."""

    instance_id: str
    service_id: str
    service: str
    name: str
    first_ping_ms: int
    last_ping_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProcess:
    """A process as it is now, merged from everything that was reported."""

    process_id: str
    entity: Entity
    detect_type: DetectType
    agent_id: str
    properties: Mapping[str, str]
    first_ping_ms: int
    last_ping_ms: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A directed pair of processes, from one side, over one component, in some stretch of time."""

    source: str
    target: str
    side: Side
    component: int


@dataclass(frozen=True, slots=True)
class Point:
    """One metric of one entity in one minute as one side counted it; merged, not yet a value."""

    minute_s: int
    side: Side
    total: int
    count: int
    table: Mapping[str, int]
    counts: Mapping[str, int] = field(default_factory=dict)
    """For averages by label: how many values each key of the table is of."""
