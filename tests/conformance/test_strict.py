"""The strict backend does refuse: each trap, sprung on purpose."""

import time

import pytest

from conformance.message import message
from conformance.rover import histogram, pair, single
from conformance.strict import NS, Refused, Strict

AGENT = "8a1f8a0e-6a2e-4a2b-9c1d-0123456789ab"
NAME = "rover_net_p_client_write_counts_counter"
GOOD = {
    "client_process_id": "p", "server_local": "true", "side": "client", "protocol": "http",
    "is_ssl": "false",
}  # fmt: skip


def head(now_ms: int = 0) -> bytes:
    """What the first meter of a collection says."""
    return message((3, "s"), (4, "i"), (5, now_ms or int(time.time() * 1000)))


def faults(*meters: bytes) -> list[str]:
    """What is wrong with a collection of these."""
    strict = Strict()
    strict.collect_batch([message(*((1, meter) for meter in meters))])
    return strict.faults


def test_what_a_rover_sends_has_no_fault() -> None:
    """Else every test with it would fail for nothing."""
    buckets = histogram(
        "rover_net_p_client_write_exe_time_histogram", list(GOOD.items()), [(b, 1) for b in NS]
    )

    assert [] == faults(single(NAME, list(GOOD.items()), 1) + head(), buckets)


@pytest.mark.parametrize(
    "changes",
    [
        {"service": "s"}, {"instance": "i"}, {"le": "1"}, {"server_local": "false"},
        {"server_address": "1.1.1.1:1"}, {"server_local": None},
        {"server_local": None, "server_address": "nowhere"}, {"side": "server"},
        {"side": "unknown"}, {"protocol": "grpc"}, {"is_ssl": None}, {"client_process_id": None},
    ],
)  # fmt: skip
def test_labels_that_oap_loses_are_faults(changes: dict[str, str | None]) -> None:
    """One changed label each."""
    labels = [(key, value) for key, value in (GOOD | changes).items() if value is not None]

    assert [] != faults(single(NAME, labels, 1) + head())


def test_other_traps_of_meters_are_faults() -> None:
    """A head on another entry, none at all, another time, a label twice, a strange name."""
    good = list(GOOD.items())

    for collection in (
        [single(NAME, good, 1)],
        [single(NAME, good, 1) + head(), single(NAME, good, 1) + head()],
        [single(NAME, good, 1) + head(1)],
        [single(NAME, [*good, good[0]], 1) + head()],
        [single("another_own", good, 1) + head()],
        [histogram("rover_net_p_client_write_rtt_histogram", good, [(0, 1)]) + head()],
        [],
    ):
        assert [] != faults(*collection)


def ping(layer: str, name: str = "p") -> bytes:
    """A heartbeat of one process."""
    entity = message((1, layer), (2, "s"), (3, "i"), (4, name))
    return message((1, message((1, entity), (2, pair("support_ebpf_profiling", "false")))))


def test_traps_of_processes_are_faults() -> None:
    """An unknown layer throws; the others are named."""
    strict = Strict()
    strict.keep_alive(ping("MESH") + message((2, AGENT)))
    strict.keep_alive(message((2, "agent")))

    assert 3 == len(strict.faults)
    with pytest.raises(Refused):
        strict.keep_alive(ping("NO_SUCH") + message((2, AGENT)))
