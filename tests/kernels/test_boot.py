"""
The eldest kernel, booted: the rest of the table is `make test-kernels`.

What is booted here loads everything and says where it hangs; cases take minutes on an emulated one.
"""

import os
import subprocess
from pathlib import Path

import pytest

from kernels.__main__ import look
from kernels.debian import NoKernels, in_load_order, shell
from kernels.machine import archive
from kernels.page import Found, differences, page

TIMEOUT_S = 600
"""The first time a kernel is fetched; the processor is emulated."""


@pytest.fixture(scope="module")
def eldest() -> Found:
    try:
        return look("bullseye", ["--hooks-only"], timeout_s=TIMEOUT_S - 60)
    except NoKernels as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.root
def test_the_eldest_kernel_lacks_what_it_cannot_have_and_nothing_else(eldest: Found) -> None:
    """Linux 5.10 gives no reasons of drops, and no probes that know their task."""
    absent = [each["program"] for each in eldest["hooks"] if not each["rung"]]

    assert ["drop", "tls_*"] == absent
    assert eldest["kernel"].startswith("5.10.")
    assert [] == differences(eldest)


def test_a_module_comes_behind_those_that_it_needs(tmp_path: Path) -> None:
    """As their own sections say; what is no file is built into the kernel."""
    needs = {"a": "b,c-d", "b": "c_d", "c_d": "", "z": "built_in"}
    for name, needed in needs.items():
        text = f"license=GPL\0depends={needed}\0name={name}\0"
        (tmp_path / f"{name}.ko").write_text(text)
    known = {name: tmp_path / f"{name}.ko" for name in needs}

    assert ["z", "c_d", "b", "a"] == list(in_load_order(["z", "a", "nowhere"], known))


@pytest.mark.timeout(TIMEOUT_S)
def test_an_archive_is_what_cpio_reads(tmp_path: Path) -> None:
    """Folders, files and their contents, as busybox unpacks them."""
    files = {"init": b"#!/bin/sh\n", "dev/three": b"abc"}
    try:
        command = [str(shell()), "cpio", "-i"]
    except NoKernels as error:
        pytest.skip(str(error))

    subprocess.run(command, input=archive(("dev",), files), cwd=tmp_path, check=True)

    unpacked = {path: (tmp_path / path).read_bytes() for path in files}
    assert files == unpacked
    assert (tmp_path / "init").stat().st_mode & 0o100


def found(**changes: object) -> Found:
    """What a guest might write."""
    hook = {"program": "drop", "place": "kfree_skb", "gives": "drops", "rung": "", "why": "no"}
    wrong = {"quantity": "drops at the client", "truth": "3", "podwire": "0"}
    case = {"name": "loss", "quantities": 4, "wrong": [wrong], "seconds": 1}
    run = {
        "hooks": [hook],
        "cases": [case],
        "is_whole": True,
        "version": "9.9",
        "libbpf": "v1",
        "seconds": 7,
    }
    return {**run, **changes}


def test_what_a_missing_hook_gives_is_absent_and_anything_else_is_wrong() -> None:
    """A drop is not told without its hook; a request that is not told is a difference."""
    request = {"quantity": "requests at nginx", "truth": "3", "podwire": "2"}
    case = {"name": "loss", "quantities": 4, "wrong": [request], "seconds": 1}

    assert [] == differences(found())
    assert ["loss: requests at nginx: 3 is true, 2 is said"] == differences(found(cases=[case]))
    assert ["the guest did not come to its end"] == differences(found(is_whole=False))
    assert "| loss | 3 of 3, 1 absent |" in page([found()])
    assert "the run failed" not in page([found()])
    assert "**9.9: 1 of what was looked at" in page([found(cases=[case])])
