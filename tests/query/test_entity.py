"""Whose metric it is: ids of contract 4.6, from names."""

from typing import Any

import pytest

from podwire.model.metric import Scope
from podwire.query.entity import entity_id

SERVICE, TARGET = "c2VydmljZQ==.1", "dGFyZ2V0.1"
INSTANCE, OTHER = f"{SERVICE}_dGVzdC1pbnN0YW5jZQ==", f"{TARGET}_aQ=="
PROCESS = "0c106e314ae0dae7cb655c3835ca77c890caedd78f51971ff60e5919805109f9"

NAMES = {
    "serviceName": "service", "normal": True, "serviceInstanceName": "test-instance",
    "endpointName": "/a", "processName": "service",
    "destServiceName": "target", "destNormal": True, "destServiceInstanceName": "i",
    "destEndpointName": "/b", "destProcessName": "service",
}  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope.SERVICE, SERVICE),
        (Scope.SERVICE_INSTANCE, INSTANCE),
        (Scope.ENDPOINT, f"{SERVICE}_L2E="),
        (Scope.PROCESS, PROCESS),
        (Scope.SERVICE_RELATION, f"{SERVICE}-{TARGET}"),
        (Scope.SERVICE_INSTANCE_RELATION, f"{INSTANCE}-{OTHER}"),
    ],
)
def test_each_scope_has_its_id(scope: Scope, expected: str) -> None:
    """The vectors are the contract's."""
    assert expected == entity_id(scope, NAMES)


def test_an_edge_is_its_two_processes() -> None:
    """Names that nobody knows are names like others."""
    names = NAMES | {
        "destServiceName": "service", "destServiceInstanceName": "test-instance",
        "destProcessName": "UNKNOWN_REMOTE",
    }  # fmt: skip
    remote = "cb9e9d1badbdc5fb7b1a638c3e8525de1d8b843e53c58e5406fea90974e304b9"

    assert f"{PROCESS}-{remote}" == entity_id(Scope.PROCESS_RELATION, names)


@pytest.mark.parametrize("missing", [name for name in NAMES if "ndpoint" not in name])
def test_an_edge_needs_every_name_of_both_ends(missing: str) -> None:
    """Null or absent; an empty name is a name."""
    assert entity_id(Scope.PROCESS_RELATION, NAMES | {missing: None}) is None
    absent: dict[str, Any] = {name: value for name, value in NAMES.items() if name != missing}
    assert entity_id(Scope.PROCESS_RELATION, absent) is None


def test_a_conjectured_service_is_another() -> None:
    """And a service without a name has one."""
    assert "c2VydmljZQ==.0" == entity_id(Scope.SERVICE, NAMES | {"normal": False})
    assert "X2JsYW5r.1" == entity_id(Scope.SERVICE, NAMES | {"serviceName": ""})
