"""BoringSSL, as Debian packs it for Android's tools: found by its functions, and read."""

import subprocess
from pathlib import Path

import pytest

from capture.tls.program import LIBRARIES, need
from capture.tls.test_families import ANSWER, HERE, REQUESTS, exchange
from capture.tls.test_scan import expected, scanned
from podwire.capture import Kernel
from podwire.capture.tls.family import OPENSSL

ANDROID = LIBRARIES / "android"
HEADERS = Path("/usr/include/android")


@pytest.fixture(autouse=True)
def _installed() -> None:
    if not (HEADERS / "openssl" / "ssl.h").exists():
        pytest.skip("android-libboringssl-dev is not installed")


def test_it_is_told_from_openssl_and_found_by_its_functions() -> None:
    """It exports the same names, and no `_ex` forms."""
    path = ANDROID / "libssl.so.0"
    found = scanned(path)
    assert found
    assert "BoringSSL" == found.library
    assert expected(path, OPENSSL, "-D") == {point.offset: point.call for point in found.points}


@pytest.mark.root
def test_a_client_of_it_is_read(kernel: Kernel, folder: Path, tmp_path: Path) -> None:
    """Requests and bytes are those of its book and of the other end's."""
    made = tmp_path / "drive"
    libraries = [f"{ANDROID}/libssl.so.0", f"{ANDROID}/libcrypto.so.0", f"-Wl,-rpath={ANDROID}"]
    source = [need("cc"), f"-I{HEADERS}", f"{HERE}/drive.c", "-o", str(made)]
    subprocess.run([*source, *libraries], check=True)
    sent = len("GET /850 HTTP/1.1\r\nHost: drive\r\n\r\n")
    exchange(kernel, [str(made)], folder).agrees(
        {
            "connections": 1,
            "requests": REQUESTS,
            "sent": REQUESTS * sent,
            "received": REQUESTS * ANSWER,
        }
    )
