"""
Which rule a request falls under, and why it is picked.

In: the sampling rules of one task.  Out: a reason with its rule, or nothing. Patterns run in RE2:
time grows with the length of the path, whatever the pattern.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

from podwire.model.task import SamplingRule
from podwire.wire.pattern import compiled

PATHS = 200
"""Paths whose rule is remembered."""


class Reason(StrEnum):
    """Why a request is picked, in the order in which they win."""

    STATUS_5XX = "status_5xx"
    STATUS_4XX = "status_4xx"
    SLOW = "slow"


class Rules:
    """The rules of one task. Raises `wire.pattern.BadPattern`."""

    def __init__(self, rules: Sequence[SamplingRule]) -> None:
        self._default = next((rule for rule in rules if rule.uri_regex is None), None)
        self._patterns = [
            (compiled(rule.uri_regex), rule) for rule in rules if rule.uri_regex is not None
        ]
        self._rule_of = lru_cache(PATHS)(self._find)

    def __bool__(self) -> bool:
        return bool(self._default or self._patterns)

    def pick(self, path: str, status: int, duration_ms: int) -> tuple[Reason, SamplingRule] | None:
        """Why this request is picked and by which rule; None when it is not."""
        rule = self._rule_of(path)
        reason = None if rule is None else reason_of(rule, status, duration_ms)
        return (reason, rule) if rule and reason else None

    def _find(self, path: str) -> SamplingRule | None:
        """The last pattern that is found in the path wins; a rule without one takes the rest."""
        found = [rule for pattern, rule in self._patterns if pattern.search(path)]
        return found[-1] if found else self._default


def reason_of(rule: SamplingRule, status: int, duration_ms: int) -> Reason | None:
    """What in a rule picks an exchange; the flags do not depend on one another."""
    if rule.when_5xx and 500 <= status < 600:
        return Reason.STATUS_5XX
    if rule.when_4xx and 400 <= status < 500:
        return Reason.STATUS_4XX
    if rule.min_duration_ms is not None and rule.min_duration_ms <= duration_ms:
        return Reason.SLOW
    return None
