"""
What a program of the shop counted of its own sockets.

In: every call it makes.  Out: a JSON file, one account for each peer and role, when it ends.
Times come from the program's clock read before and after a call, so they are upper bounds of what
the kernel sees of that call.
"""

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Calls:
    """One kind of call: how often, how many bytes, how long at most."""

    count: int = 0
    bytes: int = 0
    time_ns: int = 0
    longest_ns: int = 0

    def note(self, size: int, time_ns: int) -> None:
        self.count += 1
        self.bytes += size
        self.time_ns += time_ns
        self.longest_ns = max(self.longest_ns, time_ns)


@dataclass(slots=True)
class RoundTrips:
    """What TCP_INFO said of the smoothed round trip before and after every read and write."""

    count: int = 0
    total_us: int = 0
    least_us: int = 0
    most_us: int = 0

    def note(self, rtt_us: int) -> None:
        self.least_us = min(self.least_us, rtt_us) if self.count else rtt_us
        self.most_us = max(self.most_us, rtt_us)
        self.count += 1
        self.total_us += rtt_us


@dataclass(slots=True)
class Exchanges:
    """HTTP requests and their answers; sizes are head and body."""

    requests: int = 0
    request_bytes: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    response_bytes: int = 0
    largest_request: int = 0
    largest_response: int = 0
    inner_ns: int = 0
    """Summed duration, from after the first call to before the last: no clock can see less."""

    outer_ns: int = 0
    """Summed duration, from before the first call to after the last: no clock can see more."""

    longest_ns: int = 0


@dataclass(slots=True)
class Account:
    """Everything with one peer in one role."""

    write: Calls = field(default_factory=Calls)
    read: Calls = field(default_factory=Calls)
    open: Calls = field(default_factory=Calls)
    close: Calls = field(default_factory=Calls)
    rtt: RoundTrips = field(default_factory=RoundTrips)
    retransmits: int = 0
    http: Exchanges = field(default_factory=Exchanges)


class Book:
    """Accounts by `role peer`; threads share it and hold its lock while they write."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._accounts: dict[str, Account] = {}

    def account(self, role: str, peer: str) -> Account:
        with self.lock:
            return self._accounts.setdefault(f"{role} {peer}", Account())

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        with self.lock:
            content: dict[str, Any] = {name: asdict(each) for name, each in self._accounts.items()}
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(content))
        fresh.replace(path)
