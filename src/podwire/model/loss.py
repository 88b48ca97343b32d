"""
What the agent's own half could not count or deliver, by name.

The kernel's half counts by the reasons of `bpf/loss.h`; both travel as `lost_NAME_total`.
"""

from collections.abc import Mapping
from enum import StrEnum


class Loss(StrEnum):
    """The name; the values travel in meters."""

    HOOK_MISSED = "hook_missed"
    SAMPLE_TORN = "sample_torn"
    SAMPLE_OVER_LIMIT = "sample_over_limit"
    SAMPLE_WITHOUT_TRACE_CONTEXT = "sample_without_trace_context"
    SAMPLE_BODY_BOMB = "sample_body_bomb"
    TRACE_CONTEXT_MALFORMED = "trace_context_malformed"


MEANINGS: Mapping[Loss, str] = {
    Loss.HOOK_MISSED: "an event that the kernel kept from a program, which ran on that CPU already",
    Loss.SAMPLE_TORN: "a picked exchange of which a page was overwritten before it was read",
    Loss.SAMPLE_OVER_LIMIT: "a picked exchange beyond the most that a report takes of its traffic",
    Loss.SAMPLE_WITHOUT_TRACE_CONTEXT: "a picked exchange without the trace that its task demands",
    Loss.SAMPLE_BODY_BOMB: "a body that grows too much when it is decoded: described, not shown",
    Loss.TRACE_CONTEXT_MALFORMED: "a header of a trace that has not its form: taken as none",
}
"""Every loss there is."""
