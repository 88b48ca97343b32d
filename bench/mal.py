"""
How many samples a core takes through the network profiling rules in a second.

One edge report is what an agent says of one HTTP/1.x edge, one side, in one flush: 17 single
values and 8 histograms, 282 samples when each bucket counts.
"""

import time
from pathlib import Path

from bench.row import Row
from podwire.kube.names import NoCluster
from podwire.mal import Analyzer, load
from podwire.model import bounds
from podwire.model.meter import Collection, Histogram, Meter, Single
from podwire.storage.window import Window
from podwire.wire.meter import collection_message

RULES = Path(__file__).parents[1] / "rules" / "network-profiling.yaml"
PREFIX = "rover_net_p_"
PASSES = 12

SINGLES = (
    *(f"client_{op}_counts_counter" for op in ("write", "read", "write_rtt", "connect", "close")),
    *(f"client_{op}_exe_time_counter" for op in ("write", "read", "write_rtt", "connect", "close")),
    *("client_write_bytes_counter", "client_read_bytes_counter"),
    *("http1_request_counter", "http1_response_status_counter", "http1_client_duration_avg"),
    *("http1_request_package_size_avg", "http1_response_package_size_avg"),
)
HISTOGRAMS = (
    ("client_write_rtt_histogram", bounds.L4_US),
    *((f"client_{op}_exe_time_histogram", bounds.L4_NS) for op in ("write", "read")),
    *((f"client_{op}_exe_time_histogram", bounds.L4_NS) for op in ("connect", "close")),
    ("http1_client_duration_histogram", bounds.HTTP_MS),
    ("http1_request_package_size_histogram", bounds.HTTP_BYTES),
    ("http1_response_package_size_histogram", bounds.HTTP_BYTES),
)


def edge_report(edge: int, round_: int) -> list[Meter]:
    """The meters of one edge; values change from round to round."""
    labels = (
        ("client_process_id", f"process-{edge}"),
        ("server_address", f"10.1.{edge // 250}.{edge % 250}:80"),
        *(("side", "client"), ("protocol", "http"), ("is_ssl", "false")),
    )
    codes = (*labels, ("code", "200"))
    meters: list[Meter] = [
        Single(PREFIX + name, codes if "status" in name else labels, 1.0 + (edge + round_) % 50)
        for name in SINGLES
    ]
    for name, lower in HISTOGRAMS:
        counts = ((float(bound), (at * 7 + round_) % 3) for at, bound in enumerate(lower))
        meters.append(Histogram(PREFIX + name, labels, tuple(counts)))
    return meters


def collections(edges: int, rounds: int) -> list[Collection]:
    """One collection a round with a report of every edge."""
    return [
        Collection(
            "service",
            "instance",
            round_ * 2_000,
            tuple(meter for edge in range(edges) for meter in edge_report(edge, round_)),
        )
        for round_ in range(rounds)
    ]


def samples_of(collection: Collection) -> int:
    """Single values and buckets."""
    return sum(
        len(meter.buckets) if isinstance(meter, Histogram) else 1 for meter in collection.meters
    )


def samples_per_core_second(edges: int, at_once: int, *, singles_only: bool = False) -> float:
    """The rate from bytes to a merged window, at a steady state, in CPU time of this process."""
    analyzer, window = Analyzer([load(RULES)], NoCluster()), Window()
    work = [
        Collection(each.service, f"instance-{number}", 1_000_000, _some(each, singles_only))
        for number, each in enumerate(collections(edges, at_once))
    ]
    messages = [collection_message(each).SerializeToString() for each in work]
    analyzer.admit(messages)
    start_s = time.process_time()
    for _ in range(PASSES):
        window.add(analyzer.admit(messages).pieces)
    window.merged()
    return PASSES * sum(map(samples_of, work)) / (time.process_time() - start_s)


def _some(collection: Collection, singles_only: bool) -> tuple[Meter, ...]:  # noqa: FBT001
    meters = collection.meters
    return tuple(each for each in meters if isinstance(each, Single) or not singles_only)


def rows() -> list[Row]:
    """One core: admission, rules and windows, by how much comes at once."""
    found = [
        Row(
            f"in process: samples per core-second, {at_once} collections of {edges} edges at once",
            f"{samples_per_core_second(edges, at_once) / 1e3:,.0f}k",
            "bytes to merged windows",
        )
        for edges, at_once in ((1, 1), (10, 1), (10, 10), (10, 80))
    ]
    rate = samples_per_core_second(10, 80, singles_only=True)
    note = "80 collections of 10 edges at once, no histograms"
    return [*found, Row("in process: single values per core-second", f"{rate / 1e3:,.0f}k", note)]
