"""
What was acknowledged, and whether the store holds exactly that.

In: what senders were told has arrived.  Out: for every edge and minute the numbers that the rules
must come to, and the first differences from what is in the store.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.mal import HISTOGRAMS, SINGLES
from podwire.model.identity import relation_id
from podwire.storage.engine import Engine

Longs = NDArray[np.int64]

COUNTED = {
    "client_write_cpm": "client_write_counts_counter",
    "client_read_cpm": "client_read_counts_counter",
    "client_connect_cpm": "client_connect_counts_counter",
    "client_close_cpm": "client_close_counts_counter",
    "client_write_total_bytes": "client_write_bytes_counter",
    "client_read_total_bytes": "client_read_bytes_counter",
    "http1_request_cpm": "http1_request_counter",
}
"""Metrics that are sums of a meter."""

WEIGHED = {
    "client_write_avg_exe_time": ("client_write_exe_time_counter", "client_write_counts_counter"),
    "client_read_avg_exe_time": ("client_read_exe_time_counter", "client_read_counts_counter"),
    "client_connect_exe_time": ("client_connect_exe_time_counter", "client_connect_counts_counter"),
    "client_close_avg_exe_time": ("client_close_exe_time_counter", "client_close_counts_counter"),
    "client_write_avg_rtt_time": (
        "client_write_rtt_exe_time_counter", "client_write_rtt_counts_counter",
    ),
    "http1_request_package_size": (
        "http1_request_package_size_avg", "http1_request_counter",
    ),
    "http1_response_package_size": (
        "http1_response_package_size_avg", "http1_response_status_counter",
    ),
    "http1_client_duration": ("http1_client_duration_avg", "http1_response_status_counter"),
}  # fmt: skip
"""Metrics that are averages of a meter, weighed by another one."""

TOTALS = {
    "http1_request_package_size": "http1_request_total_bytes",
    "http1_response_package_size": "http1_response_total_bytes",
}
"""Averages whose sums are metrics of their own."""

LISTED = {
    "client_write_rtt_time_percentile": "client_write_rtt_histogram",
    "client_write_exe_time_percentile": "client_write_exe_time_histogram",
    "client_read_exe_time_percentile": "client_read_exe_time_histogram",
    "http1_client_duration_percentile": "http1_client_duration_histogram",
    "http1_request_package_size_percentile": "http1_request_package_size_histogram",
    "http1_response_package_size_percentile": "http1_response_package_size_histogram",
}
"""Metrics that are counts by bucket."""

PLACE = {name: at for at, name in enumerate(SINGLES)}
HISTOGRAM = {name: at for at, (name, _) in enumerate(HISTOGRAMS)}


@dataclass(slots=True)
class Sums:
    """What some edges of one instance reported in one minute."""

    values: Longs
    """Edges by SINGLES."""

    products: Longs
    """Edges by WEIGHED: value times weight."""

    counts: Longs
    """Edges by HISTOGRAMS by bucket."""

    def plus(self, other: "Sums") -> "Sums":
        return Sums(
            self.values + other.values,
            self.products + other.products,
            self.counts + other.counts,
        )


@dataclass(slots=True)
class Ledger:
    """Sums by minute and edges."""

    sums: dict[tuple[int, tuple[tuple[str, str], ...]], Sums] = field(default_factory=dict)

    def add(self, minute_s: int, edges: tuple[tuple[str, str], ...], sums: Sums) -> None:
        """An acknowledged report of these edges, client and server process ids."""
        known = self.sums.get((minute_s, edges))
        if known is None:
            self.sums[minute_s, edges] = Sums(
                sums.values.copy(), sums.products.copy(), sums.counts.copy()
            )
            return
        known.values += sums.values
        known.products += sums.products
        known.counts += sums.counts

    def expected(self, digit: str) -> dict[tuple[str, int], dict[str, object]]:
        """What the store must say of edges and minutes; of clients whose id has this digit."""
        found: dict[tuple[str, int], Sums] = {}
        for (minute_s, edges), sums in self.sums.items():
            if not edges[0][0].startswith(digit):
                continue
            for at, edge in enumerate(edges):
                mine = Sums(sums.values[at], sums.products[at], sums.counts[at])
                key = relation_id(*edge), minute_s
                found[key] = found[key].plus(mine) if key in found else mine
        return {key: dict(_metrics(sums)) for key, sums in found.items()}

    def totals(self) -> dict[int, dict[str, object]]:
        """The same of all edges together, by minute."""
        found: dict[int, Sums] = {}
        for (minute_s, _), sums in self.sums.items():
            mine = Sums(sums.values.sum(0), sums.products.sum(0), sums.counts.sum(0))
            found[minute_s] = found[minute_s].plus(mine) if minute_s in found else mine
        return {minute_s: dict(_metrics(sums)) for minute_s, sums in found.items()}


def products_of(values: NDArray[np.float64]) -> Longs:
    """Value times weight for each of WEIGHED; all are whole numbers."""
    pairs = [(PLACE[value], PLACE[weight]) for value, weight in WEIGHED.values()]
    return np.stack([values[:, one] * values[:, other] for one, other in pairs], 1).astype(np.int64)


def _metrics(sums: Sums) -> Iterator[tuple[str, object]]:
    values, products = sums.values.tolist(), sums.products.tolist()
    for metric, meter in COUNTED.items():
        yield metric, (values[PLACE[meter]], 0, {})
    status = values[PLACE["http1_response_status_counter"]]
    yield "http1_response_status_cpm", (0, 0, {"{code=200}": status})
    for (metric, (_, weight)), product in zip(WEIGHED.items(), products, strict=True):
        yield metric, (product, values[PLACE[weight]], {})
        if metric in TOTALS:
            yield TOTALS[metric], (product, 0, {})
    for metric, meter in LISTED.items():
        at = HISTOGRAM[meter]
        counts = zip(HISTOGRAMS[at][1], sums.counts[at].tolist(), strict=False)
        yield metric, (0, 0, {str(bound): count for bound, count in counts if count})


STORED = """
SELECT entity, toUnixTimestamp(minute), metric, sum(total), sum(count), sumMap(table)
FROM metric_minute
WHERE side = 'client' AND entity LIKE {prefix:String} AND entity != {probe:String}
GROUP BY entity, minute, metric
"""

SUMMED = """
SELECT toUnixTimestamp(minute), metric, sum(total), sum(count), sumMap(table)
FROM metric_minute
WHERE side = 'client' AND entity != {probe:String}
GROUP BY minute, metric
"""

DETAIL_LIMIT = 60_000
"""Of so many edges and minutes every number is compared; of more, every sixteenth and all sums."""


async def differences(ledger: Ledger, dsn: str, probe: str) -> tuple[int, list[str]]:
    """How many numbers of the store were compared, and the first that are not as they must be."""
    engine = await Engine.open(dsn)
    try:
        compared, wrong = _compared(
            {key: dict(metrics) for key, metrics in ledger.totals().items()},
            ((row[0], row[1:]) for row in await engine.query(SUMMED, {"probe": probe})),
        )
        pieces = sum(len(edges) for _, edges in ledger.sums)
        for digit in "0123456789abcdef" if pieces <= DETAIL_LIMIT else "0":
            rows = await engine.query(STORED, {"prefix": f"{digit}%", "probe": probe})
            more, worse = _compared(
                ledger.expected(digit), (((row[0], row[1]), row[2:]) for row in rows)
            )
            compared, wrong = compared + more, wrong + worse
    finally:
        await engine.close()
    return compared, wrong[:5]


Key = TypeVar("Key", bound=Hashable)


def _compared(
    expected: dict[Key, dict[str, object]], rows: Iterable[tuple[Key, Sequence[Any]]]
) -> tuple[int, list[str]]:
    compared, wrong = 0, []
    for key, (metric, total, count, table) in rows:
        should = expected.get(key, {}).pop(metric.removeprefix("process_relation_"), None)
        found = (total, count, {bound: value for bound, value in table.items() if value})
        compared += 1
        if found != should:
            wrong.append(f"{key} {metric}: {found}, not {should}")
    wrong += [f"{key} misses {', '.join(rest)}" for key, rest in expected.items() if rest]
    return compared, wrong
