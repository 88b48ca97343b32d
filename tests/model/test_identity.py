"""Ids are SkyWalking's, to the byte: vectors from its own test data."""

import pytest

from podwire.model.identity import (
    instance_id,
    process_id,
    relation_id,
    service_id,
    split_instance_id,
    split_service_id,
)

INSTANCE = "c2VydmljZQ==.1_dGVzdC1pbnN0YW5jZQ=="


def test_instance_id_is_what_oap_computes() -> None:
    """Service `service`, instance `test-instance`."""
    assert INSTANCE == instance_id(service_id("service"), "test-instance")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("service", "0c106e314ae0dae7cb655c3835ca77c890caedd78f51971ff60e5919805109f9"),
        ("UNKNOWN_REMOTE", "cb9e9d1badbdc5fb7b1a638c3e8525de1d8b843e53c58e5406fea90974e304b9"),
        ("UNKNOWN_LOCAL", "8865b9563185c0b82f03724178400e8d877ec45de4a782bbee478a790742bffb"),
    ],
)
def test_process_id_is_what_oap_computes(name: str, expected: str) -> None:
    """Real and virtual processes share one formula."""
    assert expected == process_id(INSTANCE, name)


def test_blank_service_has_a_name() -> None:
    """OAP calls it `_blank`."""
    assert "X2JsYW5r.1" == service_id("")


def test_relation_joins_source_and_target_with_a_dash() -> None:
    """The source comes first."""
    assert "a-b" == relation_id("a", "b")


def test_splitting_gives_back_what_was_joined() -> None:
    """Names survive the round trip, whatever they hold."""
    service = service_id("shop.demo::ö_.-")

    assert ("shop.demo::ö_.-", True) == split_service_id(service)
    assert (service, "pod_0") == split_instance_id(instance_id(service, "pod_0"))


@pytest.mark.parametrize("text", ["", "abc", "YWJj.7", "YWJj.1", "YWJj.1_%%%", "_"])
def test_what_is_no_instance_id_is_refused(text: str) -> None:
    """A wrong id is a ValueError, never a wrong name."""
    with pytest.raises(ValueError, match="not a"):
        split_instance_id(text)
