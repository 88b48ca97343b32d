"""Fixtures every test may use."""

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # children of tests exec at once

from collections.abc import Iterator

import hypothesis
import pytest

from kube import build
from kube.server import Server, running

hypothesis.settings.register_profile(
    "no clock", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("no clock")  # no property here promises how long it takes

BUILD_TIMEOUT_S = 1800
"""A machine that has not built the API server yet needs minutes, once."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need the API server come last: it may still be building meanwhile."""
    late = [item for item in items if "api_server" in getattr(item, "fixturenames", ())]
    for item in late:
        item.add_marker(pytest.mark.timeout(BUILD_TIMEOUT_S))
    items.sort(key=late.__contains__)


@pytest.fixture(scope="session")
def api_server() -> Iterator[Server]:
    """A real kube-apiserver, for the whole run; tests keep to namespaces of their own."""
    try:
        build.built("apiserver")
    except build.NoGo as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    with running() as server:
        yield server
