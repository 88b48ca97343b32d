"""
How long the parts of an answer took, for who asked with `debug`.

In: the parts as they are done.  Out: a trace of spans in the shape of SkyWalking's
`DebuggingTrace`; times in nanoseconds since the epoch.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Steps:
    """The parts of one answer, one after the other."""

    def __init__(self, condition: str) -> None:
        self._condition = condition
        self._started_ns = time.time_ns()
        self._spans: list[dict[str, Any]] = []

    @contextmanager
    def step(self, operation: str) -> Iterator[None]:
        """Around one part; one that fails says so."""
        started_ns, error = time.time_ns(), None
        try:
            yield
        except ValueError as wrong:
            error = str(wrong)
            raise
        finally:
            self._spans.append(_span(len(self._spans) + 1, operation, started_ns, error))

    def trace(self) -> dict[str, Any]:
        """Everything so far, under one span for the whole."""
        whole = _span(0, "MQE query", self._started_ns, None) | {"parentSpanId": -1}
        times = {key: whole[key] for key in ("startTime", "endTime", "duration")}
        spans = [whole, *self._spans]
        identity = {"traceId": secrets.token_hex(16), "condition": self._condition}
        return {**identity, **times, "spans": spans}


def _span(number: int, operation: str, started_ns: int, error: str | None) -> dict[str, Any]:
    ended_ns = time.time_ns()
    return {
        "spanId": number,
        "parentSpanId": 0,
        "operation": operation,
        "startTime": started_ns,
        "endTime": ended_ns,
        "duration": ended_ns - started_ns,
        "error": error,
    }
