"""
Why an agent started a task by itself, in the words and numbers that clients show.

In: `model.Cause`.  Out: GraphQL's shape of it; thresholds are hundredths there.
"""

from collections.abc import Callable
from typing import Any

from podwire.model.policy import Monitor
from podwire.model.task import Cause


def _percent(value: float) -> str:
    return f"{value:.2f}%"


def _whole(value: float) -> str:
    return str(int(value))


def _milliseconds(value: float) -> str:
    return f"{value:.2f}ms"


TEXTS: dict[Monitor, Callable[[float], str]] = {
    Monitor.PROCESS_CPU: _percent,
    Monitor.PROCESS_THREAD_COUNT: _whole,
    Monitor.SYSTEM_LOAD: _whole,
    Monitor.HTTP_ERROR_RATE: _percent,
    Monitor.HTTP_AVG_RESPONSE_TIME: _milliseconds,
}


def shape(cause: Cause) -> dict[str, Any]:
    """One threshold that was met."""
    numbers = {"threshold": int(cause.threshold * 100), "current": int(cause.current * 100)}
    uri = cause.uri_regex if cause.uri_path is None else cause.uri_path
    where = (
        {"singleValue": numbers}
        if uri is None
        else {"uri": numbers | {"uriPath": cause.uri_path, "uriRegex": cause.uri_regex}}
    )
    return {"type": cause.monitor.value, "message": message(cause), **where}


def message(cause: Cause) -> str:
    """
    One sentence of it.

    >>> message(Cause(monitor=Monitor.PROCESS_CPU, threshold=80, current=93.456))
    'PROCESS_CPU: current 93.46% >= threshold 80.00%'
    """
    text = TEXTS[cause.monitor]
    uri = cause.uri_regex if cause.uri_path is None else cause.uri_path
    suffix = f" on {uri}" if uri else ""
    return (
        f"{cause.monitor.value}: current {text(cause.current)} >= "
        f"threshold {text(cause.threshold)}{suffix}"
    )
