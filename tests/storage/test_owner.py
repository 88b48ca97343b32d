"""A store on disk has one owner at a time, and outlives every one of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

OWNER = """
import asyncio, sys, time
from podwire.model.metric import Partial, Side
from podwire.storage import Store, Unavailable

async def main() -> None:
    try:
        store = await Store.open(sys.argv[1])
    except Unavailable as error:
        print("refused:", error, flush=True)
        return
    points = (await store.points("e", ["m"], 0, 2_000_000_000)).get("m", ())
    print("total:", sum(point.total for point in points), flush=True)
    await store.add([Partial("m", "e", Side.CLIENT, int(time.time()) // 60 * 60, total=5)], [])
    await store.flush()
    print("kept", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await store.close()

asyncio.run(main())
"""


def owner(folder: Path) -> "subprocess.Popen[str]":
    """A process that opens the store, says what it found, and adds 5."""
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, f"chdb://{folder}/store"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(process: "subprocess.Popen[str]") -> str:
    """The next thing it says."""
    assert process.stdout
    return process.stdout.readline().strip()


def finish(process: "subprocess.Popen[str]") -> None:
    """Let it close in order."""
    process.communicate("done\n", timeout=60)


def test_a_second_owner_hears_who_the_first_is(tmp_path: Path) -> None:
    """The pid to stop is in the message, and so is the way around."""
    first = owner(tmp_path)
    assert ["total: 0", "kept"] == [line(first), line(first)]
    second = owner(tmp_path)

    refusal = line(second)
    finish(second)
    finish(first)
    assert f"belongs to the running process {first.pid}" in refusal
    assert "--storage" in refusal


def test_what_was_flushed_outlives_kill_9(tmp_path: Path) -> None:
    """Neither the data nor a lock of the dead is in the way of the next owner."""
    first = owner(tmp_path)
    assert ["total: 0", "kept"] == [line(first), line(first)]
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()

    second = owner(tmp_path)
    assert ["total: 5", "kept"] == [line(second), line(second)]
    finish(second)

    third = owner(tmp_path)
    assert "total: 10" == line(third)
    finish(third)
