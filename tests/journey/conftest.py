"""The real demo, running: what the journeys look at."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from bench.stage import free_port, wait

from podwire.wire.graphql import Refused, Unanswered, ask

TOPOLOGY = """
query ($instance: ID!, $duration: Duration!) {
  getProcessTopology(serviceInstanceId: $instance, duration: $duration) { calls { id } }
}
"""


def edges(address: str) -> int:
    """How many edges the shop's pod has by now."""
    from podwire.cli import find
    from podwire.demo.question import INSTANCE_ID

    variables = {"instance": INSTANCE_ID, "duration": find.window(address, 10)}
    try:
        return len(ask(address, TOPOLOGY, variables)["getProcessTopology"]["calls"])
    except (Refused, Unanswered):
        return 0


@pytest.fixture(scope="session")
def shop_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's address of a `podwire demo` whose four edges have all been seen."""
    address = f"127.0.0.1:{free_port()}"
    folder = tmp_path_factory.mktemp("demo")
    said = folder / "said"
    command = [sys.executable, "-m", "podwire.cli", "demo", "--no-courier", "--http", address]
    with said.open("wb") as output:
        demo = subprocess.Popen([*command, "--grpc", "127.0.0.1:0"], stdout=output, stderr=output)
    try:
        wait(f"the shop: {said}", lambda: edges(f"http://{address}") == 4, 120)
        yield f"http://{address}"
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(60)
