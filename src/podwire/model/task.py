"""
A network-profiling task with its sampling rules.

In: an operator's request.  Out: the agent that watches the instance's processes.
"""

from dataclasses import dataclass


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
class NetworkTask:
    """Watch one service instance from `start_ms` on for `duration_s` seconds."""

    task_id: str
    service_id: str
    instance_id: str
    start_ms: int
    duration_s: int
    update_ms: int
    rules: tuple[SamplingRule, ...] = ()

    @property
    def end_ms(self) -> int:
        """When the task ends unless it is extended."""
        return self.start_ms + self.duration_s * 1000
