"""
Our numbers against the shop's books, metric by metric: a pure function.

In: a ledger and what GraphQL said.  Out: families, each right or wrong.
Counts, bytes and statuses must be equal. Times lie between bounds of the programs' own clocks;
sizes within one byte of the mean (a minute's mean is a whole number); round trips within half and
twice the mean of TCP_INFO, which was asked at other moments of the same calls; percentiles (lower
bounds of buckets) below the longest that was seen.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from podwire.demo.ledger import EDGES, Expected, Ledger, Seen
from podwire.demo.question import Minutes
from podwire.demo.shop.book import Calls
from podwire.model import bounds
from podwire.model.metric import ENDS, Side

Answers = Mapping[tuple[str, str], Mapping[str, Minutes]]
"""By source and target, then by metric."""

PREFIX = "process_relation_"
PERCENTILES = "50,75,90,95,99"
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Family:
    """One metric of one edge: what we say, and what is true."""

    name: str
    measured: Any
    truth: Any
    ok: bool


@dataclass(frozen=True, slots=True)
class Range:
    """What a number must lie in, ends included."""

    least: float
    most: float

    def holds(self, number: float) -> bool:
        return self.least <= number <= self.most


@dataclass(frozen=True, slots=True)
class Want:
    """One metric and how to judge it."""

    metric: str
    truth: int | Mapping[str, int] | Range
    measure: Callable[[Mapping[str, Minutes]], Any]

    def judge(self, answer: Mapping[str, Minutes], edge: str) -> Family:
        measured = self.measure(answer)
        truth: Any = self.truth
        if isinstance(truth, Range):
            numbers = measured.values() if isinstance(measured, dict) else [measured]
            ok = bool(numbers) and all(each is not None and truth.holds(each) for each in numbers)
            truth = {"min": round(truth.least, 3), "max": round(truth.most, 3)}
        else:
            ok = measured == truth
        return Family(f"{self.metric} {edge}", measured, truth, ok)


def families(ledger: Ledger, answers: Answers, edges: Sequence[Expected]) -> list[Family]:
    """Everything that is compared, edge by edge, and the topology."""
    judged = (
        want.judge(answers[seen.source, seen.target], f"{seen.source}->{seen.target}")
        for seen in ledger.seen
        for want in wants(seen)
    )
    # what both ends of an edge have in their books in the same words is one family
    found = {(family.name, str(family.truth)): family for family in judged}.values()
    order = [asdict(edge) for edge in sorted(EDGES, key=lambda edge: (edge.source, edge.target))]
    drawn = [asdict(edge) for edge in edges]
    return [*found, Family("topology", drawn, order, ok=drawn == order)]


def metrics() -> list[str]:
    """Names of all metrics that are asked for."""
    stems = ("write", "read", "connect", "close", "retransmit", "drop")
    names = [f"{side}_{stem}_cpm" for side in ENDS for stem in stems]
    names += [f"{side}_{stem}_total_bytes" for side in ENDS for stem in ("write", "read")]
    names += [name for side in ENDS for name in _times(side)]
    names += [f"{side}_{name}_percentile" for side in ENDS for name in _HISTOGRAMS]
    names += [f"http1_{name}" for name in _HTTP]
    names += [f"http1_{name}_percentile" for name in _HTTP_HISTOGRAMS]
    return [PREFIX + name for name in names]


_HISTOGRAMS = ("write_exe_time", "read_exe_time", "write_rtt_time")
_HTTP = (
    *("request_cpm", "response_status_cpm", "request_total_bytes", "response_total_bytes"),
    *("request_package_size", "response_package_size", "client_duration", "server_duration"),
)
_HTTP_HISTOGRAMS = _HTTP[4:]


def _times(side: Side) -> tuple[str, ...]:
    connect = "client_connect_exe_time" if side is Side.CLIENT else "server_connect_avg_exe_time"
    plain = tuple(f"{side}_{stem}_avg_exe_time" for stem in ("write", "read", "close"))
    return (*plain, connect, f"{side}_write_avg_rtt_time")


def wants(seen: Seen) -> Iterator[Want]:
    """What one end of an edge must say."""
    yield from _tcp(seen)
    yield from _tcp_times(seen)
    if seen.account.http.requests:
        yield from _http(seen)


def _tcp(seen: Seen) -> Iterator[Want]:
    account, side = seen.account, seen.side
    counts = {
        f"{side}_write_cpm": account.write.count,
        f"{side}_read_cpm": account.read.count,
        f"{side}_connect_cpm": account.open.count,
        f"{side}_close_cpm": account.close.count,
        f"{side}_retransmit_cpm": account.retransmits,
        f"{side}_drop_cpm": seen.lost,
        f"{side}_write_total_bytes": account.write.bytes,
        f"{side}_read_total_bytes": account.read.bytes,
    }
    for metric, truth in counts.items():
        yield _total(metric, truth)


def _tcp_times(seen: Seen) -> Iterator[Want]:
    account, side = seen.account, seen.side
    write, read, close, connect, rtt = _times(side)
    calls = (
        (write, account.write, f"{side}_write_cpm"),
        (read, account.read, f"{side}_read_cpm"),
        (close, account.close, f"{side}_close_cpm"),
        (connect, account.open, f"{side}_connect_cpm"),
    )
    for metric, call, weight in calls:
        if call.count:
            yield _average(metric, Range(1, call.time_ns / call.count + 1), weight)
    for stem, call in (("write", account.write), ("read", account.read)):
        yield _percentile(f"{side}_{stem}_exe_time_percentile", _below(call))
    if account.rtt.count:
        mean_us = account.rtt.total_us / account.rtt.count
        seen_us = Range(
            max(account.rtt.least_us, mean_us / 2), min(account.rtt.most_us, mean_us * 2)
        )
        yield _average(rtt, seen_us, f"{side}_write_cpm")
        yield _percentile(f"{side}_write_rtt_time_percentile", Range(0, account.rtt.most_us))


def _below(call: Calls) -> Range:
    return Range(0, call.longest_ns)


def _http(seen: Seen) -> Iterator[Want]:
    http, side = seen.account.http, seen.side
    answered, responses = sum(http.statuses.values()), "http1_response_status_cpm"
    yield _total("http1_request_cpm", http.requests)
    yield Want(
        responses,
        dict(sorted(http.statuses.items())),
        _by_label(responses),
    )
    yield _total("http1_request_total_bytes", http.request_bytes)
    yield _total("http1_response_total_bytes", http.response_bytes)
    sizes = (
        ("request", http.request_bytes / http.requests, http.largest_request, "http1_request_cpm"),
        ("response", http.response_bytes / answered, http.largest_response, responses),
    )
    for name, mean, largest, weight in sizes:
        metric = f"http1_{name}_package_size"
        yield _average(metric, Range(mean - 1, mean + 1), weight)
        yield _percentile(
            f"{metric}_percentile", Range(bounds.HTTP_BYTES[0], max(largest, bounds.HTTP_BYTES[0]))
        )
    duration_ms = Range(
        http.inner_ns / answered / NS_PER_MS - 1, http.outer_ns / answered / NS_PER_MS + 1
    )
    yield _average(f"http1_{side}_duration", duration_ms, responses)
    longest_ms = max(http.longest_ns / NS_PER_MS, bounds.HTTP_MS[0])
    yield _percentile(f"http1_{side}_duration_percentile", Range(0, longest_ms))


def _total(metric: str, truth: int) -> Want:
    def measure(answer: Mapping[str, Minutes]) -> int:
        return _sum(answer[PREFIX + metric].get("", {}))

    return Want(metric, truth, measure)


def _by_label(metric: str) -> Callable[[Mapping[str, Minutes]], dict[str, int]]:
    def measure(answer: Mapping[str, Minutes]) -> dict[str, int]:
        totals = {label: _sum(minutes) for label, minutes in answer[PREFIX + metric].items()}
        return {label: total for label, total in sorted(totals.items()) if total}

    return measure


def _average(metric: str, truth: Range, weight: str) -> Want:
    """Averages of minutes weighed by what was counted in each, under whatever label."""

    def measure(answer: Mapping[str, Minutes]) -> float | None:
        weights: Counter[int] = Counter()
        for minutes in answer[PREFIX + weight].values():
            weights.update(minutes)
        means = answer[PREFIX + metric].get("", {})
        total = sum(weights[minute] for minute in means)
        if not total:
            return None
        return round(sum(mean * weights[at] for at, mean in means.items()) / total, 3)

    return Want(metric, truth, measure)


def _percentile(metric: str, truth: Range) -> Want:
    def measure(answer: Mapping[str, Minutes]) -> dict[str, int] | None:
        found = answer[PREFIX + metric]
        highest = {rank: max(minutes.values()) for rank, minutes in found.items() if minutes}
        return highest if ",".join(sorted(highest)) == PERCENTILES else None

    return Want(metric, truth, measure)


def _sum(minutes: Mapping[int, int]) -> int:
    return sum(minutes.values())
