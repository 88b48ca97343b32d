"""
Sampled requests: which request of an edge was slow or failed, and the trace it belongs to.

In: an agent's logs (contract 5.4).  Out: the lists that `top_n` and `readRecords` answer with.
"""

from dataclasses import dataclass
from enum import StrEnum


class SampledKind(StrEnum):
    """Why a request was sampled; the value is the record's name in queries."""

    SLOW = "sampled_slow_trace_record"
    STATUS_4XX = "sampled_status_4xx_trace_record"
    STATUS_5XX = "sampled_status_5xx_trace_record"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledRecord:
    """One request that a sampling rule selected."""

    kind: SampledKind
    entity: str
    """Process relation id."""

    trace_id: str
    statement: str
    """What is shown: the path, or what a rule made of it."""

    latency_ms: int
    timestamp_ms: int
