"""What a running backend says of itself."""

from collections.abc import Iterator

import httpx
import pytest
from bench.stage import free_port, program, wait
from prometheus_client.parser import text_string_to_metric_families


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A line to a backend of this file's own, with its store in memory."""
    http, grpc = (f"127.0.0.1:{free_port()}" for _ in range(2))
    arguments = ("--http", http, "--grpc", grpc, "--storage", "chdb://memory")
    with program("backend", *arguments):
        wait("the backend", lambda: httpx.get(f"http://{http}/healthcheck").is_success)
        with httpx.Client(base_url=f"http://{http}", timeout=60, trust_env=False) as asking:
            yield asking


def test_prometheus_reads_what_was_asked_and_refused(client: httpx.Client) -> None:
    """One question, one that is none, one that fails: each is counted, under the same totals."""
    client.post("/graphql", json={"query": "{ version }"})
    client.post("/graphql", content=b"{}", headers={"Content-Type": "text/plain"})
    client.post("/graphql", json={"query": "{ nothing }"})

    answer = client.get("/metrics")
    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]
    found = {
        (sample.name, sample.labels.get("reason")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert 3 == found["podwire_query_requests_total", None]
    assert 1 == found["podwire_query_requests_refused_total", "content_type"]
    assert 1 == found["podwire_query_requests_with_errors_total", None]
    assert 3 == client.get("/status").json()["query_requests_total"]


def test_every_metric_is_named_for_its_station(client: httpx.Client) -> None:
    """So that nobody else's has the same name."""
    families = text_string_to_metric_families(client.get("/metrics").text)

    stations = {family.name.split("_")[1] for family in families}
    assert stations <= {"receiver", "storage", "query"}
