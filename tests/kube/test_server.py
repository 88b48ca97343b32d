"""The real API server, as the other tests need it."""

from kube import server
from kube.server import Server


def test_what_was_put_in_is_there_with_its_status(api_server: Server) -> None:
    """A pod that is created with a status is listed with it."""
    api_server.put(server.namespace("here"))
    api_server.put(server.pod("web-1", "here", address="10.1.0.1", containers={"app": "c://1"}))

    found = [pod for pod in api_server.all_of("Pod") if pod["metadata"]["namespace"] == "here"]

    assert [("web-1", "10.1.0.1")] == [
        (pod["metadata"]["name"], pod["status"]["podIP"]) for pod in found
    ]
