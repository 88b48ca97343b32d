"""A small ledger and the answers of a backend that agrees with it, for tests of the comparison."""

from collections.abc import Mapping
from typing import Any

from podwire.demo import compare
from podwire.demo.ledger import EDGES, Expected, Ledger, Seen
from podwire.demo.question import Minutes
from podwire.demo.shop.book import Account, Calls, Exchanges, RoundTrips
from podwire.model.metric import Side

MINUTE = 1_700_000_000_000 // 60_000 * 60_000


def account(*, http: bool) -> Account:
    """Ten requests on two connections."""
    return Account(
        write=Calls(count=10, bytes=1000, time_ns=50_000, longest_ns=9_000),
        read=Calls(count=12, bytes=2000, time_ns=60_000, longest_ns=9_000),
        open=Calls(count=2, time_ns=80_000, longest_ns=50_000),
        close=Calls(count=2, time_ns=20_000, longest_ns=15_000),
        rtt=RoundTrips(count=44, total_us=2200, least_us=20, most_us=90),
        retransmits=3,
        http=Exchanges(
            requests=10,
            request_bytes=1000,
            statuses={"200": 8, "500": 2},
            response_bytes=2000,
            largest_request=400,
            largest_response=900,
            inner_ns=50_000_000,
            outer_ns=60_000_000,
            longest_ns=9_000_000,
        )
        if http
        else Exchanges(),
    )


def ledger() -> Ledger:
    """Every edge of the shop, with the same account."""
    seen = tuple(
        Seen(edge.source, edge.target, side, account(http=not edge.tls), lost=4)
        for edge in EDGES
        for side in ((Side.SERVER,) if edge.source.startswith("UNKNOWN") else (Side.CLIENT,))
    )
    return Ledger(began_s=MINUTE / 1000, ended_s=MINUTE / 1000 + 30, seen=seen, others={})


def edges() -> list[Expected]:
    """The topology, in the order of a backend's answer."""
    return sorted(EDGES, key=lambda edge: (edge.source, edge.target))


VALUES: Mapping[str, int] = {
    "write_cpm": 10,
    "read_cpm": 12,
    "connect_cpm": 2,
    "close_cpm": 2,
    "retransmit_cpm": 3,
    "drop_cpm": 4,
    "write_total_bytes": 1000,
    "read_total_bytes": 2000,
    "write_avg_exe_time": 4_000,
    "read_avg_exe_time": 4_000,
    "close_avg_exe_time": 9_000,
    "connect_exe_time": 30_000,
    "connect_avg_exe_time": 30_000,
    "write_avg_rtt_time": 50,
    "http1_request_cpm": 10,
    "http1_request_total_bytes": 1000,
    "http1_response_total_bytes": 2000,
    "http1_request_package_size": 100,
    "http1_response_package_size": 200,
    "http1_client_duration": 5,
    "http1_server_duration": 5,
}
"""What a truthful backend says, written by hand: by metric without prefix and side."""


def truthful(metric: str) -> dict[str, dict[int, int]]:
    """The answer for one metric: counts in two minutes, to be added."""
    name = metric.removeprefix(compare.PREFIX)
    if name.endswith("_percentile"):
        low = 256 if "size" in name else 1
        return {str(rank): {MINUTE: low} for rank in (50, 75, 90, 95, 99)}
    if name == "http1_response_status_cpm":
        return {"200": {MINUTE: 5, MINUTE + 60_000: 3}, "500": {MINUTE: 2}}
    value = VALUES[name.removeprefix("client_").removeprefix("server_")]
    if name.endswith(("_cpm", "_bytes")):
        return {"": {MINUTE: value // 2, MINUTE + 60_000: value - value // 2}}
    return {"": {MINUTE: value, MINUTE + 60_000: value}}


def answers() -> dict[tuple[str, str], dict[str, dict[str, dict[int, int]]]]:
    """The answers for every edge."""
    return {
        (edge.source, edge.target): {metric: truthful(metric) for metric in compare.metrics()}
        for edge in EDGES
    }


class TruthfulBackend:
    """GraphQL by hand: says nothing for the first questions, then the truth."""

    def __init__(self, *, silent: int = 0) -> None:
        self.silent = silent
        self.asked = 0

    async def window(self, since_s: float) -> dict[str, str]:
        self.asked += 1
        return {"start": "", "end": "", "step": "MINUTE"}

    async def values(self, source: str, target: str, metrics: Any, duration: Any) -> Any:
        said: dict[str, Minutes] = answers()[source, target]  # type: ignore[assignment]
        return {metric: {} for metric in metrics} if self.asked <= self.silent else said

    async def edges(self, duration: Any) -> list[Expected]:
        return edges()
