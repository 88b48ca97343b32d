"""
What Rover has no meters for: podwire's own, beside the others and with their labels.

In: an edge's flow, or what the kernel half lost.  Out: meters named
`podwire_capture_<what>_<unit or total>`; a backend that does not know them leaves them aside.
"""

import errno
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TypeVar

from podwire.model.flow import Flow, Tcp
from podwire.model.meter import Meter, Single
from podwire.model.tls import Reason

PREFIX = "podwire_capture"

UNNAMED = "unknown"
"""The library of a process that shows none: a label is never empty."""

Labels = tuple[tuple[str, str], ...]
Key = TypeVar("Key")


def fact_meters(labels: Labels, flow: Flow) -> Iterator[Meter]:
    """Everything about one edge that is not zero."""
    yield from _by_reason("connect_failed", labels, _named(flow.failures))
    yield from _by_reason("drop", labels, flow.drops)
    if flow.http:
        unpaired = {str(status): count for status, count in flow.http.unpaired.items()}
        yield from _by_reason("http_unpaired", labels, unpaired, "code")
        if flow.http.unanswered:
            yield Single(f"{PREFIX}_http_unanswered_total", labels, flow.http.unanswered)
    for each in fields(Tcp):
        if value := getattr(flow.tcp, each.name):
            yield Single(f"{PREFIX}_{_unit(each.name)}", labels, value)


def loss_meters(lost: Mapping[str, int]) -> Iterator[Meter]:
    """What the node's kernel half could not count since the last report."""
    yield from _by_reason("lost", (), lost)


def tls_meters(
    labels: Labels, blamed: Mapping[tuple[str, Reason], int], readable: int
) -> Iterator[Meter]:
    """An edge's TLS connections by whom they are laid to if unread, and how many were read."""
    for (library, reason), count in sorted(blamed.items()):
        where = (*labels, ("library", library or UNNAMED), ("reason", reason.value))
        yield Single(f"{PREFIX}_tls_total", where, count)
    if readable:
        yield Single(f"{PREFIX}_tls_readable_total", labels, readable)


def overflow_meters(ports: Mapping[int, int]) -> Iterator[Meter]:
    """Connections that an instance's listeners had no room for, by port."""
    counts = {str(port): count for port, count in ports.items()}
    yield from _by_reason("listen_overflow", (), counts, "port")


def _by_reason(
    what: str, labels: Labels, counts: Mapping[str, int], label: str = "reason"
) -> Iterator[Meter]:
    for reason, count in sorted(counts.items()):
        yield Single(f"{PREFIX}_{what}_total", (*labels, (label, reason)), count)


def _unit(name: str) -> str:
    return name if name.endswith("_ns") else f"{name}_total"


def _named(failures: Mapping[int, int]) -> dict[str, int]:
    """
    Why connects failed, as the C library names it.

    >>> _named({111: 2, 0: 1})
    {'econnrefused': 2, 'given_up': 1}
    """
    names = {**errno.errorcode, 0: "given_up"}
    return {names.get(number, str(number)).lower(): n for number, n in failures.items()}


def sum_facts(left: Tcp, right: Tcp) -> Tcp:
    """Field by field."""
    return Tcp(*(getattr(left, f.name) + getattr(right, f.name) for f in fields(Tcp)))


def sum_counts(left: Mapping[Key, int], right: Mapping[Key, int]) -> dict[Key, int]:
    """Key by key."""
    return {key: left.get(key, 0) + right.get(key, 0) for key in {*left, *right}}
