"""Which libbpf is taken, and what is said of it."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from podwire.capture import library
from podwire.capture.library import Unavailable, origin
from podwire.capture.tls.bell import Bell


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Each test looks for itself."""
    library.library.cache_clear()
    yield
    library.library.cache_clear()


@pytest.mark.skipif(not library.OURS.exists(), reason="not built here: hatch_build.py libbpf")
def test_our_own_is_taken_first() -> None:
    """Whatever the system has."""
    assert origin() == "v1.7, podwire's own"


def test_without_ours_the_systems_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """And told by its version."""
    monkeypatch.setattr(library, "OURS", Path("/nowhere"))
    systems = ctypes.CDLL(library.SYSTEMS)
    major, minor = systems.libbpf_major_version(), systems.libbpf_minor_version()

    assert f"v{major}.{minor}, the system's" == origin()


def test_without_any_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever installs the system must act."""
    monkeypatch.setattr(library, "OURS", Path("/nowhere"))
    monkeypatch.setattr(library, "SYSTEMS", "libbpf.so.nowhere")

    with pytest.raises(Unavailable, match="apt-get install libbpf1"):
        origin()


def test_a_ring_that_the_kernel_refuses_is_an_error() -> None:
    """Asking one that is not there would end the process."""
    with pytest.raises(OSError, match="hearing of who speaks TLS"):
        Bell(-1)
