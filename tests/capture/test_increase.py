"""What counters gained: totals only with their counts, and nothing twice or never."""

import numpy as np

from podwire.capture.increase import Increase

OPERATION = np.dtype([("buckets", "<u4", 2), ("bytes", "<u8"), ("time", "<u8")])
FLOW = np.dtype(
    [(name, OPERATION) for name in ("write", "read", "rtt", "connect", "close")]
    + [("request_sizes", "<u4", 2), ("request_bytes", "<u8")]
    + [("statuses", np.dtype([("code", "<u4"), ("count", "<u4")]), 2), ("response_bytes", "<u8")]
    + [("durations", "<u4", 2), ("duration_ns", "<u8"), ("drops", "<u8")]
)


def test_a_total_waits_for_its_count() -> None:
    """Read in the middle of an update it would be an average of nothing."""
    increase, rows = Increase(FLOW), np.zeros(2, FLOW)
    rows["write"]["bytes"][1] = 100
    rows["drops"][1] = 3

    (place,), (first,) = increase.take(rows.copy())
    rows["write"]["buckets"][1, 0] = 1
    (_,), (second,) = increase.take(rows.copy())

    assert 1 == place
    assert (0, 3) == (first["write"]["bytes"], first["drops"])
    assert (100, 0) == (second["write"]["bytes"], second["drops"])
    assert [1, 0] == second["write"]["buckets"].tolist()


def test_response_bytes_wait_for_a_status() -> None:
    """The status is what an answer is counted by."""
    increase, rows = Increase(FLOW), np.zeros(1, FLOW)
    rows["response_bytes"] = 7
    assert 0 == increase.take(rows.copy())[1]["response_bytes"].sum()

    rows["statuses"]["count"][0, 1] = 1

    assert 7 == increase.take(rows.copy())[1]["response_bytes"].sum()
    assert 0 == len(increase.take(rows.copy())[0])


def test_a_counter_that_wrapped_still_counts_right() -> None:
    """Buckets have 32 bits; the difference does not mind."""
    increase, rows = Increase(FLOW), np.zeros(1, FLOW)
    rows["rtt"]["buckets"][0, 0] = 2**32 - 1
    increase.take(rows.copy())
    rows["rtt"]["buckets"][0, 0] = 4

    assert 5 == increase.take(rows.copy())[1]["rtt"]["buckets"][0, 0]
