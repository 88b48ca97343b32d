"""
What the tasks of a process together mean for its samples.

In: running tasks by pid.  Out: how each samples, and what the kernel must record for all of them.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from podwire.agent.sample.rule import Rules
from podwire.model.exchange import RecordPolicy
from podwire.model.task import NetworkTask, SamplingOptions, SamplingRule
from podwire.wire.pattern import BadPattern

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """How one task samples."""

    rules: Rules
    options: SamplingOptions = SamplingOptions()


@lru_cache(256)
def policy_of(task: NetworkTask) -> Policy | None:
    """None for a task whose rules cannot be used; a foreign backend may hand out such a one."""
    try:
        return Policy(Rules(task.rules), task.options)
    except BadPattern as error:
        log.warning("task %s does not sample: %s", task.task_id, error)
        return None


def policies(
    tasks: Mapping[int, Sequence[NetworkTask]],
) -> Mapping[int, Sequence[Policy]]:
    """By pid; the first of them that picks an exchange counts."""
    return {
        pid: [policy for task in found if (policy := policy_of(task))]
        for pid, found in tasks.items()
    }


def to_record(tasks: Mapping[int, Sequence[NetworkTask]]) -> Mapping[int, RecordPolicy]:
    """What the kernel decides by; patterns and trace contexts are looked at afterwards."""
    return {
        pid: record_policy([rule for task in found for rule in task.rules])
        for pid, found in tasks.items()
    }


def record_policy(rules: Sequence[SamplingRule]) -> RecordPolicy:
    """The union of what rules want: the least duration, the largest size."""
    least_ms = [rule.min_duration_ms for rule in rules if rule.min_duration_ms is not None]
    return RecordPolicy(
        least_ms=min(least_ms, default=None),
        when_4xx=any(rule.when_4xx for rule in rules),
        when_5xx=any(rule.when_5xx for rule in rules),
        request_limit=_most(rules, _request_limit),
        response_limit=_most(rules, _response_limit),
    )


HEAD_BYTES = 16 * 1024
"""Of a request that no rule asks for: enough for its path and its trace context."""


def _request_limit(rule: SamplingRule) -> int | None:
    if not rule.settings.require_complete_request:
        return HEAD_BYTES
    size = rule.settings.max_request_size
    return max(size, HEAD_BYTES) if size else None


def _response_limit(rule: SamplingRule) -> int | None:
    if not rule.settings.require_complete_response:
        return 1
    return rule.settings.max_response_size or None


def _most(
    rules: Iterable[SamplingRule], limit_of: Callable[[SamplingRule], int | None]
) -> int | None:
    """The largest limit; None, which is no limit, when any rule has none."""
    limits = [limit_of(rule) for rule in rules]
    known = [limit for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) and known else None
