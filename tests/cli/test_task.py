"""`podwire task` towards a backend that is not ours."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cli.played import answering
from podwire.model.identity import service_id

UNKNOWN = (
    "Variable 'request' has an invalid value: The variables input contains a field name 'serviceId'"
    " that is not defined for input object type 'EBPFProfilingNetworkTaskRequest'"
)


def oaps(query: str) -> Mapping[str, Any]:
    """Knows one service, and no task of a whole one; its words are those of graphql-java."""
    known = {"data": {"listServices": [{"id": service_id("shop"), "name": "shop"}]}}
    return known if "listServices" in query else {"errors": [{"message": UNKNOWN}]}


@pytest.fixture
def oap() -> Iterator[str]:
    """Its address."""
    with answering(oaps) as address:
        yield address


def create(address: str, service: str) -> str:
    """What `task create` of a whole service says when it is refused."""
    command = (sys.executable, "-m", "podwire.cli", "task", "create", "--service", service)
    done = subprocess.run((*command, "--address", address), capture_output=True, text=True)
    assert 1 == done.returncode, done.stderr
    return done.stderr.strip()


def test_another_s_backend_wants_an_instance(oap: str) -> None:
    """Said in words of the command's own options."""
    assert create(oap, "shop").endswith("this backend watches single instances: give --instance")


def test_a_service_that_is_not_there_is_named_with_those_that_are(oap: str) -> None:
    """Before anything is asked for."""
    assert "there is no service 'shelf'; there are: shop" in create(oap, "shelf")
