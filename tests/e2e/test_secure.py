"""What is inside TLS is counted too, by an agent with four capabilities and no more."""

from e2e import shop
from e2e.installed import Podwire
from e2e.shop import HOME, Shop
from kube.server import wait_until

SERVICE = f"vault.{HOME}"


def test_counts_inside_tls_are_those_of_nginx_s_own_log(podwire: Podwire, opened: Shop) -> None:
    """The library lies in another container's root; from the second client on all is read."""
    (pod,) = opened.pods("vault")
    asked = ("task", "create", "--service", SERVICE)
    wait_until(lambda: bool(podwire.tell(*asked)), "the service is known and has a task", 60)
    first = opened.visit("caller", [pod])
    wait_until(lambda: bool(podwire.responses(SERVICE, pod, first)), "plaintext is read", 60)
    opened.scale("caller", 0)
    before = shop.books()[pod]
    client = opened.visit("caller", [pod])
    opened.scale("caller", 0)
    truth = shop.books()[pod] - before

    wait_until(lambda: podwire.responses(SERVICE, pod, client) == truth, f"counts are {truth}", 20)
    (edge,) = [each for each in podwire.edges(SERVICE, pod) if each["source"] == client]
    assert "https" in edge["protocol"]
