"""Who talks: the entity a process is on the wire, and the process behind it."""

from dataclasses import dataclass
from enum import IntEnum


class DetectType(IntEnum):
    """How a process came to be known; the ordinals are the wire's (contract 4.7)."""

    UNDEFINED = 0
    VM = 1
    KUBERNETES = 2
    VIRTUAL = 3


UNKNOWN_LOCAL = "UNKNOWN_LOCAL"
"""Name of the virtual process for a peer on the same host that nobody monitors."""

UNKNOWN_REMOTE = "UNKNOWN_REMOTE"
"""Name of the virtual process for a peer elsewhere that no metadata names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """What a process is called: the name the backend derives every id from."""

    layer: str
    service: str
    instance: str
    process: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A live process of this host with the entity it reports as."""

    pid: int
    start_ticks: int
    """Start time in clock ticks since boot: with the pid it is unique, so a reused pid is new."""

    entity: Entity
    detect_type: DetectType
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRecord:
    """What the backend keeps of a process, real or virtual."""

    process_id: str
    entity: Entity
    detect_type: DetectType
    agent_id: str
    """Empty for a virtual process."""

    last_ping_ms: int
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """An instance that something was heard of: with it, its service exists."""

    layer: str
    service: str
    instance: str
    """Empty when only the service was named."""

    seen_ms: int
