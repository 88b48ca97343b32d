"""
Who looked at people's data, and who let secrets leave a node.

In: queries that answer a sampled request's bytes, tasks that do not redact.  Out: a list of it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    """What was done."""

    READ_SAMPLE = "READ_SAMPLE"
    """The bytes of a trace's sampled requests were answered."""

    REDACTION_OFF = "REDACTION_OFF"
    """A task was started that masks nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that one asker did."""

    time_ms: int
    who: str
    """The address that asked: of a proxy, where one stands in between."""

    act: Act
    subject: str
    """A trace id, or a task id."""
