"""
Container images of this checkout, made without docker and without a registry.

In: Debian's packages, the wheel, the image's lock file.  Out: archives that containerd imports.
A root of Debian is one layer, what is installed into it the next; layers that cost minutes are kept
under ~/.cache/podwire/e2e by the hash of what they are made of.
"""

import contextlib
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kube import build

CHECKOUT = Path(__file__).parents[2]
LOCK = CHECKOUT / "deploy/docker/run.lock"
CACHE = build.CACHE.parent / "e2e"
ROOTS = {
    "python": ("trixie", "python3", "python3-venv", "libbpf1"),
    "shop": ("trixie", "python3-minimal", "libpython3-stdlib", "nginx-light"),
    "bare": ("bookworm", "python3", "python3-venv"),
}
"""A suite of Debian and packages."""

PIP = (
    "/opt/podwire/bin/pip",
    "install",
    "--quiet",
    "--no-index",
    "--find-links",
    "/wheels",
    "--no-compile",
)
PATH = "PATH=/opt/podwire/bin:/usr/sbin:/usr/bin:/sbin:/bin"
AMD64 = {"architecture": "amd64", "os": "linux"}
OCI = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class Image:
    """Layers, oldest first, and what runs in them."""

    name: str
    layers: Sequence[Path]
    config: Mapping[str, object]


def keep_layers() -> None:
    """Make what needs the network, unless it was made before."""
    for name in ("python", "shop"):
        root(name)
    dependencies()


def shop() -> list[Image]:
    """Nginx and Python; the same layer waits for a pod's end as its sandbox."""
    layers = [root("shop")]
    return [
        Image("localhost/shop:1", layers, {"Env": [PATH], "Cmd": ["python3"]}),
        Image("localhost/pause:1", layers, {"Env": [PATH], "Cmd": ["sleep", "infinity"]}),
    ]


def podwire(wheel: Path, folder: Path) -> Image:
    """What the Dockerfile says, made of the same lock file; the wheel's layer goes to `folder`."""
    layers = [root("python"), dependencies()]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()[:16]
    with _on(layers, folder / f"podwire-{digest}.tar", {"/wheels": wheel.parent}) as inside:
        inside(*PIP, "--no-deps", f"/wheels/{wheel.name}")
    config = {
        "User": "10001",
        "Env": [PATH, "PYTHONUNBUFFERED=1"],
        "Entrypoint": ["podwire"],
        "Cmd": ["backend"],
    }
    return Image("localhost/podwire:e2e", [*layers, folder / f"podwire-{digest}.tar"], config)


def wheel_of_this_checkout(folder: Path) -> Path:
    """The wheel, built from what lies here now."""
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    _run(*pip, "--wheel-dir", folder, CHECKOUT)
    (found,) = folder.glob("podwire-*.whl")
    return found


def root(name: str) -> Path:
    """A minimal Debian with some packages, as a layer."""
    suite, *chosen = ROOTS[name]
    packages = ",".join(chosen)
    kept = CACHE / f"{name}-{_digest(suite, packages)}.tar"
    if not kept.exists():
        with _making(kept, f"Debian {suite} with {packages}") as folder:
            command = ("debootstrap", "--variant=minbase", f"--include={packages}")
            _run(*command, suite, folder / "root", stdout=subprocess.DEVNULL)
            shutil.rmtree(folder / "root/var/cache/apt")
            _pack(folder / "root", folder / "layer.tar")
    return kept


def dependencies() -> Path:
    """What the lock file names, in /opt/podwire, with the user that the image runs as."""
    below = root("python")
    kept = CACHE / f"dependencies-{_digest(below.name, LOCK.read_text())}.tar"
    if not kept.exists():
        with _making(kept, "what run.lock names") as folder:
            wheels = folder / "wheels"
            _download(wheels)
            with _on([below], folder / "layer.tar", {"/wheels": wheels}) as inside:
                shutil.copy(LOCK, wheels)
                inside("python3", "-m", "venv", "/opt/podwire")
                inside(*PIP, "--require-hashes", "-r", "/wheels/run.lock")
                inside("useradd", "--uid=10001", "--no-create-home", "podwire")
                inside("install", "-d", "-o", "podwire", "-g", "podwire", "/var/lib/podwire")
    return kept


def _download(wheels: Path) -> None:
    """Wheels for the image's Python, which need not be the one that runs this."""
    fit = ("--python-version=3.13", "--only-binary=:all:", "--require-hashes", "--no-deps")
    _run(sys.executable, "-m", "pip", "download", "--quiet", *fit, "-r", LOCK, "-d", wheels)


def write(images: Sequence[Image], archive: Path) -> None:
    """An OCI layout in a tar, which `ctr images import` takes."""
    blobs: dict[str, Path | bytes] = {}
    manifests = []
    for image in images:
        layers = [_described(f"{OCI}.layer.v1.tar", each, blobs) for each in image.layers]
        diffs = {"type": "layers", "diff_ids": [each["digest"] for each in layers]}
        config = _json({**AMD64, "config": image.config, "rootfs": diffs})
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": _described(f"{OCI}.config.v1+json", config, blobs),
            "layers": layers,
        }
        told = _described(f"{OCI}.manifest.v1+json", _json(manifest), blobs)
        names = {"io.containerd.image.name": image.name}
        manifests.append({**told, "platform": AMD64, "annotations": names})
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": manifests}))
        for digest, content in blobs.items():
            _add(tar, f"blobs/sha256/{digest}", content)


def _described(
    kind: str, content: Path | bytes, blobs: dict[str, Path | bytes]
) -> dict[str, object]:
    if isinstance(content, Path):
        with content.open("rb") as file:
            digest, size = hashlib.file_digest(file, "sha256").hexdigest(), content.stat().st_size
    else:
        digest, size = hashlib.sha256(content).hexdigest(), len(content)
    blobs[digest] = content
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": size}


def _add(tar: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    if isinstance(content, Path):
        tar.add(content, name)
        return
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


class Inside:
    """Runs programs in a root, which has no network of its own to ask."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self, *command: str) -> None:
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        _run("unshare", "--net", "chroot", self._root, *command, env=environment)


@contextlib.contextmanager
def _on(below: Sequence[Path], layer: Path, binds: Mapping[str, Path]) -> Iterator[Inside]:
    """Lets programs change layers that lie below; what they changed is the next layer."""
    with tempfile.TemporaryDirectory(dir=layer.parent) as name, contextlib.ExitStack() as mounts:
        folder = Path(name)
        for each in ("below", "changed", "work", "root"):
            (folder / each).mkdir()
        for archive in below:
            _run("tar", "-C", folder / "below", "--numeric-owner", "-xpf", archive)
        overlay = f"lowerdir={name}/below,upperdir={name}/changed,workdir={name}/work"
        _mount(mounts, folder / "root", "-t", "overlay", "overlay", "-o", overlay)
        for place, source in binds.items():
            (folder / "root" / place[1:]).mkdir(exist_ok=True)
            _mount(mounts, folder / "root" / place[1:], "--bind", str(source))
        yield Inside(folder / "root")
        mounts.close()
        for place in binds:
            (folder / "changed" / place[1:]).rmdir()
        _pack(folder / "changed", layer)


def _mount(mounts: contextlib.ExitStack, at: Path, *what: str) -> None:
    _run("mount", *what, at)
    mounts.callback(_run, "umount", at)


@contextlib.contextmanager
def _making(kept: Path, what: str) -> Iterator[Path]:
    """A folder to make `layer.tar` in, which is then kept instead of what it was before."""
    print(f"  IMAGE {what} (some minutes, once)", file=sys.stderr, flush=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        yield Path(name)
        for old in CACHE.glob(f"{kept.name.rpartition('-')[0]}-*.tar"):
            old.unlink()
        (Path(name) / "layer.tar").replace(kept)


def _pack(folder: Path, layer: Path) -> None:
    _run("tar", "-C", folder, "--numeric-owner", "--sort=name", "-cf", layer, ".")


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _run(*command: str | Path, **more: object) -> None:
    subprocess.run(("nice", "-n", "15", *map(str, command)), check=True, **more)  # type: ignore[call-overload]
