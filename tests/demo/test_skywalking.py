"""SkyWalking's own agent beside the demo, and without a network."""

import os
import subprocess
import sys
from pathlib import Path


def test_without_a_network_nothing_is_left_half_installed(tmp_path: Path) -> None:
    """After what pip says comes one sentence; the next try begins anew."""
    alone = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PIP_NO_INDEX": "1"}
    alone |= {"PIP_FIND_LINKS": "", "PIP_NO_CACHE_DIR": "1"}
    command = [sys.executable, "-m", "podwire.demo.skywalking"]
    done = subprocess.run(command, env=alone, capture_output=True, text=True, check=False)

    assert 1 == done.returncode
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith("the demo's shop has no courier")
    assert [] == [each for each in tmp_path.rglob("*") if each.name.startswith("skywalking")]
