"""What the agent of a plain host does without."""

import subprocess
import sys

MODULES = "import sys, podwire.app.agent; print(*sorted(sys.modules), sep='\\n')"


def test_the_agent_of_a_plain_host_has_no_client_of_the_cluster() -> None:
    """Ten megabytes that it has no use for: neither HTTP nor what that brings along."""
    listed = subprocess.run([sys.executable, "-c", MODULES], check=True, capture_output=True)

    assert set() == set(listed.stdout.decode().split()) & {"httpx", "rich", "click", "podwire.kube"}
