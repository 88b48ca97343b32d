"""A node with podwire installed in it, for the whole run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import images, installed, node, shop
from e2e.apart import GROUP, PLACE
from e2e.installed import Podwire
from e2e.node import Cluster
from e2e.shop import Shop

IS_APART = f"/{GROUP}/" in Path("/proc/self/cgroup").read_text()
collect_ignore_glob = [] if IS_APART else ["test_*.py"]
"""Other runs leave the node alone: `make e2e` makes the place it needs."""


TIMEOUT_S = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test makes the node and its images."""
    for item in items:
        item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A ready node that knows our images."""
    wheel = images.wheel_of_this_checkout(PLACE)
    made = [*images.shop(), images.podwire(wheel, PLACE)]
    images.write(made, PLACE / "images.tar")
    with node.running(PLACE / "images.tar") as running:
        yield running


@pytest.fixture(scope="session")
def podwire(cluster: Cluster) -> Podwire:
    """Installed from its own chart."""
    return installed.install(cluster)


@pytest.fixture(scope="session")
def opened(podwire: Podwire) -> Shop:
    """What there is to measure."""
    return shop.open_shop(podwire.cluster)
