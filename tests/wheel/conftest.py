"""A minimal Debian, and the wheel that is to run in it."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import images

WHEEL = os.environ.get("PODWIRE_WHEEL")
collect_ignore_glob = [] if WHEEL else ["test_*.py"]
"""Other runs leave this alone: `make test-wheel` builds a wheel and names it."""

PATH = "/opt/podwire/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEPT = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""How pip reaches its index is this machine's affair."""


class Root:
    """A system of its own kernel's: nothing of this machine but its network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, *command: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a program in it."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
        kept.pop("PIP_FIND_LINKS", None)
        return subprocess.run(
            ("chroot", str(self._folder), *command),
            check=check,
            text=True,
            capture_output=True,
            env={**kept, "PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"},
        )

    def put(self, file: Path) -> str:
        """Copy a file into it; where it lies there."""
        shutil.copy(file, self._folder / "root")
        return f"/root/{file.name}"

    def has(self, program: str) -> bool:
        """Whether a program of this name would be found."""
        return self.run("sh", "-c", f"command -v {program}").returncode == 0


@pytest.fixture(scope="session")
def bare() -> Iterator[Root]:
    """Debian 12 with Python and venv; the run's mounts are its own."""
    layer = images.root("bare")
    folder = Path(tempfile.mkdtemp(prefix="podwire-wheel-", dir="/var/tmp"))
    try:
        subprocess.run(("tar", "-C", folder, "-xpf", layer), check=True)
        with _joined(folder):
            yield Root(folder)
    finally:
        assert str(folder) not in Path("/proc/self/mounts").read_text()  # this machine's own files
        shutil.rmtree(folder)


@contextlib.contextmanager
def _joined(folder: Path) -> Iterator[None]:
    """What a system gets of its kernel, and the way to the network."""
    shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
    with contextlib.ExitStack() as stack:
        for place in ("proc", "sys", "dev", "etc/ssl/certs"):
            _mount(stack, folder / place, "--rbind", f"/{place}")
        _mount(stack, folder / "run", "-t", "tmpfs", "none")
        yield


def _mount(stack: contextlib.ExitStack, at: Path, *what: str) -> None:
    at.mkdir(parents=True, exist_ok=True)
    subprocess.run(("mount", *what, at), check=True)
    stack.callback(subprocess.run, ("umount", "--lazy", at), check=True)


@pytest.fixture(scope="session")
def installed(bare: Root) -> Root:
    """The wheel in a virtual environment, as its users put it there."""
    assert WHEEL
    place = bare.put(Path(WHEEL))
    bare.run("python3", "-m", "venv", "/opt/podwire", check=True)
    done = bare.run("/opt/podwire/bin/pip", "install", "--quiet", f"{place}[all]")
    assert 0 == done.returncode, done.stderr
    return bare
