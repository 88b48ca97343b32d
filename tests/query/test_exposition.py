"""The backend's own counts, read by the official client."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from podwire.query.exposition import exposition

STATIONS: dict[str, dict[str, float]] = {
    "receiver": {"meter_total": 7, "meter_refused_time_total": 2, "meter_refused_size_total": 1},
    "storage": {"lost_buffer_full_total": 3},
    "kube": {"pods_known": 12, "pods_age_s": 3, "pods_broken_total": 1},
    "query": {"answering_seconds_total": 0.25, "requests_with_errors_total": 0},
}


def test_every_total_is_there_with_its_station_and_reason() -> None:
    """A reason is a label, so that refusals of one thing can be added up."""
    samples = {
        (sample.name, sample.labels.get("reason")): sample.value
        for family in text_string_to_metric_families(exposition(STATIONS))
        for sample in family.samples
    }

    assert {
        ("podwire_receiver_meter_total", None): 7,
        ("podwire_receiver_meter_refused_total", "time"): 2,
        ("podwire_receiver_meter_refused_total", "size"): 1,
        ("podwire_storage_lost_total", "buffer_full"): 3,
        ("podwire_kube_pods_known", None): 12,
        ("podwire_kube_pods_age_s", None): 3,
        ("podwire_kube_pods_broken_total", None): 1,
        ("podwire_query_answering_seconds_total", None): 0.25,
        ("podwire_query_requests_with_errors_total", None): 0,
    } == samples


def test_every_family_has_its_type_and_stands_once() -> None:
    """What only grows is a counter, what is now a gauge; each is documented."""
    families = list(text_string_to_metric_families(exposition(STATIONS)))

    gauges = {family.name for family in families if family.type == "gauge"}
    assert {"podwire_kube_pods_known", "podwire_kube_pods_age_s"} == gauges
    assert {"counter", "gauge"} == {family.type for family in families}
    assert all(family.documentation for family in families)
    assert len(families) == len({family.name for family in families})


@pytest.mark.parametrize("stations", [{}, {"query": {}}])
def test_nothing_counted_is_no_text(stations: dict[str, dict[str, float]]) -> None:
    """Which is a valid answer."""
    assert "" == exposition(stations)
