"""Reports of edges for the tests of rules, as an agent words them."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from podwire.kube.names import NoCluster
from podwire.mal import Analyzer, PeerNames, RuleFile, load
from podwire.model.meter import Collection, Meter, Single
from podwire.model.metric import Partial

RULES = Path(__file__).parents[2] / "rules" / "network-profiling.yaml"

# Computed once by hand for service `service` and instance `test-instance`.
UNKNOWN_LOCAL = "8865b9563185c0b82f03724178400e8d877ec45de4a782bbee478a790742bffb"
UNKNOWN_REMOTE = "cb9e9d1badbdc5fb7b1a638c3e8525de1d8b843e53c58e5406fea90974e304b9"
INSTANCE_ID = "c2VydmljZQ==.1_dGVzdC1pbnN0YW5jZQ=="


def labels(
    peer: tuple[str, str] = ("server_process_id", "p2"),
    *,
    side: str = "client",
    protocol: str = "http",
    ssl: str = "false",
    extra: tuple[tuple[str, str], ...] = (),
) -> tuple[tuple[str, str], ...]:
    """The labels of a meter of process `p1`."""
    plain = (("side", side), ("protocol", protocol), ("is_ssl", ssl))
    return ((f"{side}_process_id", "p1"), peer, *plain, *extra)


def report(*meters: Meter, timestamp_ms: int = 61_000) -> Collection:
    """A report of `test-instance` of `service`."""
    return Collection("service", "test-instance", timestamp_ms, meters)


def single(name: str, value: float, of: tuple[tuple[str, str], ...] | None = None) -> Single:
    """A network profiling meter; of the edge p1 to p2 unless labels are given."""
    return Single(f"rover_net_p_{name}", labels() if of is None else of, value)


@cache
def shipped() -> RuleFile:
    """The shipped rule file, read once."""
    return load(RULES)


def network_profiling(names: PeerNames | None = None) -> Analyzer:
    """The analyzer of the shipped rule file alone."""
    return Analyzer([shipped()], names or NoCluster())


def merged(partials: Iterable[Partial], metric: str) -> tuple[int, int]:
    """Total and count of all partials of a metric, as storage adds them."""
    found = [each for each in partials if each.metric == f"process_relation_{metric}"]
    return sum(each.total for each in found), sum(each.count for each in found)
