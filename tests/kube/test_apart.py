"""What the end-to-end test's node changes is undone, however the run ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import apart
from kube.server import wait_until
from podwire.demo.leftover import start_ticks_or_none

pytestmark = pytest.mark.root

PID = Path("/var/tmp/podwire-mess.pid")
MESS = f"""
ip link add pw-mess type bridge
nft add table ip pw-mess
mount -t tmpfs mess {apart.PLACE}
touch {apart.PLACE}/file /var/lib/mess
for group in /sys/fs/cgroup/*/{apart.GROUP}; do mkdir -p $group/kubepods/pod; done
echo 13 >/proc/sys/kernel/panic
setsid sleep 600 &
echo $! >{PID}.new
mv {PID}.new {PID}
"""


@pytest.fixture(autouse=True)
def panic() -> Iterator[str]:
    """The kernel's setting before, and that it is the same afterwards."""
    before = apart.setting("kernel/panic").read_text()
    yield before
    assert before == apart.setting("kernel/panic").read_text()
    PID.unlink(missing_ok=True)


def assert_clean() -> None:
    """No process, group, mount, file, link or table is left."""
    shown = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for command in (("ip", "link"), ("nft", "list", "tables"), ("mount",))
    ]

    assert not any("mess" in each for each in shown)
    assert not any(path.exists() for path in (*apart.groups(), apart.PLACE, Path("/var/lib/mess")))
    assert start_ticks_or_none(int(PID.read_text())) is None


@pytest.mark.parametrize("ending", ["true", "exit 7", "kill -KILL $$", "kill -INT $$"])
def test_a_run_leaves_nothing(ending: str) -> None:
    """However its program ends."""
    apart.run(("sh", "-c", MESS + ending))

    assert_clean()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing(number: int) -> None:
    """One that is killed itself cannot clean: the next one does."""
    script = "from e2e import apart\nimport sys\napart.run(('sh', '-c', sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": "tests"}
    command = (sys.executable, "-c", script, MESS + "exec sleep 600")
    running = subprocess.Popen(
        command, env=environment, start_new_session=True, preexec_fn=_hear_interrupts
    )
    wait_until(PID.exists, "the mess is made")
    os.killpg(running.pid, number)
    running.wait(60)
    if number == signal.SIGKILL:
        apart.undo()

    assert_clean()


def _hear_interrupts() -> None:
    """The tests themselves may run in the background of a shell, where Ctrl-C means nothing."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
