"""
The shop's books, put together: what is true of each edge of the monitored pod.

In: the JSON files that the shop's programs wrote, and nftables' counters.  Out: a `Ledger`.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podwire.demo.rules import GATEWAY, ORDERS
from podwire.demo.shop.book import Account, Calls, Exchanges, RoundTrips
from podwire.model.metric import Side
from podwire.model.process import UNKNOWN_REMOTE


@dataclass(frozen=True, slots=True)
class Seen:
    """An edge as one of its ends saw it."""

    source: str
    target: str
    side: Side
    account: Account
    lost: int = 0
    """Packets that nftables dropped on the edge's link."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the topology must say of an edge."""

    source: str
    target: str
    protocol: str
    tls: bool
    real_target: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the shop did between two moments (Unix time, seconds)."""

    began_s: float
    ended_s: float
    seen: tuple[Seen, ...]
    others: Mapping[str, Mapping[str, int]]
    """Totals that the unmonitored programs counted for themselves, by program."""


EDGES = (
    Expected(UNKNOWN_REMOTE, GATEWAY, "http", tls=False, real_target=True),
    Expected(GATEWAY, ORDERS, "http", tls=False, real_target=True),
    Expected(GATEWAY, UNKNOWN_REMOTE, "http", tls=False, real_target=False),
    Expected(ORDERS, UNKNOWN_REMOTE, "https", tls=True, real_target=False),
)


def read(folder: Path, lost: Mapping[str, int], began_s: float, ended_s: float) -> Ledger:
    """Put the books of a folder together; `lost` is by house."""
    gateway, orders = _book(folder / "gateway.json"), _book(folder / "orders.json")
    client = _book(folder / "client.json")
    seen = (
        Seen(UNKNOWN_REMOTE, GATEWAY, Side.SERVER, gateway("server client"), lost["client"]),
        Seen(GATEWAY, ORDERS, Side.CLIENT, gateway("client orders")),
        Seen(GATEWAY, ORDERS, Side.SERVER, orders("server gateway")),
        Seen(GATEWAY, UNKNOWN_REMOTE, Side.CLIENT, gateway("client web"), lost["web"]),
        Seen(ORDERS, UNKNOWN_REMOTE, Side.CLIENT, orders("client payments")),
    )
    others = {
        "client": _totals(client("client gateway")),
        "web": _web(folder / "web.log"),
        "payments": json.loads((folder / "payments.json").read_text()),
    }
    return Ledger(began_s, ended_s, seen, others)


def _book(path: Path) -> Any:
    content = json.loads(path.read_text())

    def account(name: str) -> Account:
        return _account(content[name]) if name in content else Account()

    return account


def _account(content: Mapping[str, Any]) -> Account:
    calls = {name: Calls(**content[name]) for name in ("write", "read", "open", "close")}
    return Account(
        **calls,
        rtt=RoundTrips(**content["rtt"]),
        retransmits=content["retransmits"],
        http=Exchanges(**content["http"]),
    )


def _totals(account: Account) -> dict[str, int]:
    http = account.http
    return {
        "requests": http.requests,
        "read_bytes": account.read.bytes,
        "written_bytes": account.write.bytes,
        **{f"status_{code}": count for code, count in http.statuses.items()},
    }


def _web(path: Path) -> dict[str, int]:
    """Sums of nginx's log: status, length of the request, bytes sent."""
    totals: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        status, read_bytes, written_bytes = line.split()
        totals["requests"] += 1
        totals["read_bytes"] += int(read_bytes)
        totals["written_bytes"] += int(written_bytes)
        totals[f"status_{status}"] += 1
    return dict(totals)
