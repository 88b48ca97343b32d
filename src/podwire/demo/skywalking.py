"""
SkyWalking's own agent for Python, in a folder apart: it wants older packages beside it.

In: the pinned list beside the shop.  Out: a folder for PYTHONPATH.  `python -m
podwire.demo.skywalking` installs it; without it the shop has no courier.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PINNED = Path(__file__).parent / "shop" / "skywalking.txt"


def folder() -> Path:
    """Where it is, or would be; another one for each list."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    digest = hashlib.sha256(PINNED.read_bytes()).hexdigest()[:12]
    return Path(cache) / "podwire" / f"skywalking-{digest}"


def installed() -> Path:
    """The folder, with the agent in it. Raises CalledProcessError when pip cannot get it."""
    place = folder()
    if not place.is_dir():
        made = place.with_name(f"{place.name}.{os.getpid()}")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        options = ["--disable-pip-version-check", "--require-hashes", "-r", str(PINNED)]
        try:
            subprocess.run([*command, *options, "--target", str(made)], check=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(made, ignore_errors=True)
            raise
        try:
            made.rename(place)
        except OSError:  # somebody else was faster
            shutil.rmtree(made)
    return place


if __name__ == "__main__":
    try:
        installed()
    except subprocess.CalledProcessError:
        sys.exit("podwire: pip could not get SkyWalking's agent: the demo's shop has no courier")
