"""
A service is measured through a rolling update, pod by pod, to the last request.

The truth is nginx's own log. A new pod is sent requests from its third second on.
"""

from collections import Counter
from dataclasses import dataclass

import pytest

from e2e import shop
from e2e.installed import Podwire
from e2e.shop import HOME, Shop
from kube.server import wait_until

SERVICE = f"web.{HOME}"


@dataclass(frozen=True)
class Rolled:
    """A shop whose pods were all replaced while a task of its service ran."""

    shop: Shop
    old: list[str]
    new: list[str]
    client: str

    @property
    def pods(self) -> list[str]:
        return [*self.old, *self.new]


@pytest.fixture(scope="module")
def rolled(podwire: Podwire, opened: Shop) -> Rolled:
    """The client is there from the task's beginning to the end of the update."""
    old = opened.pods("web")
    asked = ("task", "create", "--service", SERVICE)
    wait_until(lambda: bool(podwire.tell(*asked)), "the service is known and has a task", 60)
    wait_until(lambda: podwire.status().get("process_watched") == 4, "both pods are measured", 60)
    client = opened.visit("client", old)
    opened.roll()
    new = opened.pods("web")
    shop.wait_busy(new)
    opened.scale("client", 0)
    return Rolled(opened, old, new, client)


def test_every_pod_old_and_new_is_in_the_topology(podwire: Podwire, rolled: Rolled) -> None:
    """Under its own name; nginx by its program's name, the client by its pod's."""
    assert 4 == len(set(rolled.pods))
    edge = {"source": rolled.client, "target": "nginx"}
    expected = [{**edge, "protocol": ["http"], "seen_by": ["server"]}]

    for pod in rolled.pods:
        assert expected == podwire.edges(SERVICE, pod), pod


def test_counts_are_those_of_nginx_s_own_log(podwire: Podwire, rolled: Rolled) -> None:
    """For each pod and status, from a pod's first request to its last."""
    books = shop.books()
    truth = {pod: books[pod] for pod in rolled.pods}

    def found() -> dict[str, Counter[str]]:
        return {pod: podwire.responses(SERVICE, pod, rolled.client) for pod in rolled.pods}

    wait_until(lambda: found() == truth, f"counts are those of {truth}", 20)
    assert all({"200", "404"} == set(statuses) for statuses in truth.values())


def test_a_container_that_is_restarted_goes_on_being_measured(
    podwire: Podwire, rolled: Rolled
) -> None:
    """Another container and another process of the same pod: the same name."""
    pod = rolled.new[0]
    rolled.shop.restart(pod)
    before = shop.books()[pod]
    client = rolled.shop.visit("client", [pod])
    rolled.shop.scale("client", 0)
    truth = shop.books()[pod] - before

    wait_until(lambda: podwire.responses(SERVICE, pod, client) == truth, f"counts are {truth}", 20)
