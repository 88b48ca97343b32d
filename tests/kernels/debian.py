"""
Debian's kernels, taken out of its packages; nothing of them is installed.

In: a suite's name.  Out: a kernel's image and the modules that a guest needs, in load order.
They lie under ~/.cache/podwire/kernels by version and outlive the checkout. apt is told of the
suites in folders of our own; the mirror and its key are those that this system trusts already.
"""

import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podwire" / "kernels"
SUITES = ("bullseye", "bookworm", "trixie", "sid")
"""Kernels 5.10, 6.1, 6.12 and the newest; by name, so that a later release changes no row."""

META = "linux-image-amd64"
PART = re.compile(r"linux-(image|binary|modules)-\d")
SHELL = "busybox-static"

MODULES = (
    *("virtio_pci", "9pnet_virtio", "9p"),  # the host's files
    *("veth", "tls", "crc32c_generic", "tcp_diag"),  # what tests make, and strace asks of sockets
    *("nf_tables", "nft_counter", "nft_numgen", "nft_objref"),  # what loses packets for them
)


_MODULES_MARK = f"{zlib.crc32(' '.join(MODULES).encode()):08x}"
"""Other modules, another folder."""


class NoKernels(RuntimeError):
    """They cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Release:
    """A kernel as it lies in the cache."""

    suite: str
    version: str
    """The package's: 5.10.223-1."""

    folder: Path

    @property
    def image(self) -> Path:
        """What boots."""
        return self.folder / "vmlinuz"

    @property
    def modules(self) -> Sequence[Path]:
        """Uncompressed, each behind those that it needs."""
        return sorted(self.folder.glob("modules/*.ko"))


def release(suite: str) -> Release:
    """The suite's newest kernel, fetched when it is not here yet. Raises `NoKernels`."""
    apt = _Apt(suite)
    apt.update()
    names = apt.parts()
    version = apt.version(names[0])
    found = Release(suite, version, CACHE / f"{version}-{_MODULES_MARK}")
    if not found.folder.exists():
        print(f"  APT   {' '.join(names)} {version}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _unpack(apt, names, Path(folder))
            (Path(folder) / "kept").replace(found.folder)
    return found


def shell() -> Path:
    """A static busybox, which needs nothing else in an initial file system."""
    found = CACHE / "busybox"
    if not found.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            apt = _Apt("bookworm")
            apt.update()
            apt.fetch([SHELL], Path(folder))
            shutil.copy(Path(folder) / "bin/busybox", found)
    return found


class _Apt:
    """apt with one suite, and with lists and archives of our own."""

    def __init__(self, suite: str) -> None:
        self._folder = CACHE / "apt" / suite
        for each in ("lists/partial", "archives/partial"):
            (self._folder / each).mkdir(parents=True, exist_ok=True)
        (self._folder / "sources.list").write_text(f"deb {_mirror()} {suite} main\n")
        options = {
            "Dir::State::Lists": self._folder / "lists",
            "Dir::State::Status": "/dev/null",
            "Dir::Cache": self._folder,
            "Dir::Etc::SourceList": self._folder / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "APT::Sandbox::User": "root",
            "APT::Architecture": "amd64",
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        }
        self._options = [f"-o{key}={value}" for key, value in options.items()]

    def _run(self, command: str, *words: str, folder: Path | None = None) -> str:
        done = subprocess.run(
            [command, *self._options, "-qq", *words],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NoKernels(f"{command} {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def update(self) -> None:
        """Learn what there is; when the mirror is not reached, what there was holds."""
        try:
            self._run("apt-get", "update")
        except NoKernels:
            if not any(self._folder.glob("lists/*_Packages*")):
                raise

    def parts(self) -> list[str]:
        """The packages that a kernel comes in."""
        found, left = [], [META]
        while left:
            name = left.pop()
            said = self._run("apt-cache", "show", name)
            lines = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
            words = re.split(r"[,|] *", lines.get("Depends", ""))
            left += [word.split()[0] for word in words if PART.match(word)]
            found += [name] if name != META else []
        if not found:
            raise NoKernels(f"{META} names no kernel")
        return found

    def version(self, name: str) -> str:
        said = self._run("apt-cache", "show", name)
        return next(line.split()[1] for line in said.splitlines() if line.startswith("Version:"))

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Unpack packages into a folder."""
        self._run("apt-get", "download", *names, folder=folder)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
            package.unlink()


def _mirror() -> str:
    """Where this system's own packages come from; apt knows whose key it trusts for that."""
    try:
        said = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI)"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except FileNotFoundError:
        raise NoKernels("there is no apt-get") from None
    for uri in said.splitlines():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise NoKernels("apt knows no mirror of Debian")


def _unpack(apt: _Apt, names: Sequence[str], folder: Path) -> None:
    apt.fetch(names, folder)
    kept = folder / "kept"
    (kept / "modules").mkdir(parents=True)
    (image,) = folder.rglob("vmlinuz*")
    image.replace(kept / "vmlinuz")
    known = {_plain(path): path for path in folder.rglob("*.ko*")}
    for at, (name, code) in enumerate(in_load_order(MODULES, known).items()):
        (kept / "modules" / f"{at:02}-{name}.ko").write_bytes(code)


def _plain(path: Path) -> str:
    return path.name.partition(".ko")[0].replace("-", "_")


def in_load_order(names: Sequence[str], known: Mapping[str, Path]) -> Mapping[str, bytes]:
    """Modules and what they need; what is no file is built in."""
    found: dict[str, bytes] = {}

    def take(name: str) -> None:
        if name in found or name not in known:
            return
        code = _read(known[name])
        for needed in _needs(code):
            take(needed)
        found[name] = code

    for name in names:
        take(name)
    return found


def _read(path: Path) -> bytes:
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", str(path)], capture_output=True, check=True).stdout
    return path.read_bytes()


def _needs(code: bytes) -> Iterator[str]:
    found = re.search(rb"\0depends=([^\0]*)\0", code)
    names = found[1].decode().split(",") if found else []
    return (each.replace("-", "_") for each in names if each)
