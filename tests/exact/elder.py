"""
Libraries of an elder Debian, taken out of its packages; nothing of them is installed.

In: a package's name.  Out: the folder of its libraries, under ~/.cache/podwire/elder. apt is told
of the suite in folders of our own; the mirror and its key are those that this system trusts.
"""

import os
import subprocess
import tempfile
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podwire" / "elder"
SUITE = "bullseye"
OPENSSL = "libssl1.1"
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def is_here(package: str) -> bool:
    """Whether it was fetched before."""
    return (CACHE / package).exists()


def libraries_of(package: str) -> Path:
    """Where they are, fetched when they are not here yet; raises `CalledProcessError`."""
    if not is_here(package):
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _fetch(package, Path(folder))
            (Path(folder) / "unpacked").replace(CACHE / package)
    return CACHE / package / LIBRARIES


def _fetch(package: str, folder: Path) -> None:
    for each in ("lists/partial", "archives/partial", "unpacked"):
        (folder / each).mkdir(parents=True)
    (folder / "sources.list").write_text(f"deb {_mirror()} {SUITE} main\n")
    options = {
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": "/dev/null",
        "Dir::Cache": folder,
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "APT::Sandbox::User": "root",
        "APT::Architecture": "amd64",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    subprocess.run([*apt, "update"], check=True, cwd=folder, capture_output=True)
    subprocess.run([*apt, "download", package], check=True, cwd=folder, capture_output=True)
    (found,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(found), str(folder / "unpacked")], check=True)


def _mirror() -> str:
    """Where this system's own packages come from."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next(uri for uri in said.splitlines() if uri.rstrip("/").endswith("/debian"))
