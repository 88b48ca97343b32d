"""
A profiling task with its sampling rules.

In: an operator's request, or an agent whose policy was met.  Out: the agent that watches the
instance's processes, and the list of what was run.
"""

from dataclasses import dataclass
from enum import StrEnum

from podwire.model.policy import Monitor


class Target(StrEnum):
    """What a task looks at."""

    ON_CPU = "ON_CPU"
    OFF_CPU = "OFF_CPU"
    NETWORK = "NETWORK"


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSettings:
    """What is collected of a request that a rule selects; sizes in bytes, None: no limit."""

    require_complete_request: bool
    require_complete_response: bool
    max_request_size: int | None = None
    max_response_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRule:
    """Which requests are sampled; no `uri_regex` means every request."""

    uri_regex: str | None = None
    min_duration_ms: int | None = None
    when_4xx: bool = False
    when_5xx: bool = False
    settings: SamplingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingOptions:
    """What podwire lets a task set for all of its rules; other backends know none of it."""

    require_trace_context: bool = True
    """Whether a request without a trace context is passed over."""

    redact: bool = True
    """Whether secrets are masked on the node before a request leaves it."""

    samples_per_report: int = 200
    """For each traffic and reason; the longest are kept. Towards other backends it is ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A threshold of a policy that was met, in the monitor's own unit; of a URI or in general."""

    monitor: Monitor
    threshold: float
    current: float
    uri_path: str | None = None
    uri_regex: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """Why an agent started a task by itself, and on which process."""

    target: Target
    process: str
    """Name of the process."""

    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkTask:
    """Watch one service instance, or a whole service, for `duration_s` seconds from `start_ms`."""

    task_id: str
    service_id: str
    instance_id: str
    """Empty for a whole service: every instance of it, those that come later included."""

    start_ms: int
    duration_s: int
    update_ms: int
    rules: tuple[SamplingRule, ...] = ()
    options: SamplingOptions = SamplingOptions()
    triggered: Triggered | None = None
    """None for a task that an operator asked for."""

    @property
    def target(self) -> Target:
        """What it looks at; only policies look at other things than the network."""
        return self.triggered.target if self.triggered else Target.NETWORK

    @property
    def end_ms(self) -> int:
        """When the task ends unless it is extended."""
        return self.start_ms + self.duration_s * 1000
