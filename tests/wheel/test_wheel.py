"""The wheel runs where nothing but Python is: no compiler, no libbpf, no Node."""

import json
import shlex

import pytest

from wheel.conftest import Root

pytestmark = [pytest.mark.root, pytest.mark.timeout(1200)]


def test_there_is_nothing_that_could_build(bare: Root) -> None:
    """Else the rest would prove little."""
    makers = ("cc", "gcc", "clang", "cargo", "node", "npm", "make", "protoc")

    assert [] == [each for each in makers if bare.has(each)]
    assert "libbpf" not in bare.run("ldconfig", "-p").stdout


def test_it_measures_with_the_libbpf_it_brings(installed: Root) -> None:
    """Every hook stands, without a package of the system."""
    told = installed.run("podwire", "doctor", "--output", "json")
    rows = {row["check"]: row for row in json.loads(told.stdout)}

    assert 0 == told.returncode, told.stdout
    assert "v1.7, podwire's own" == rows["libbpf"]["detail"]


def test_the_demo_says_what_it_needs_and_then_is_right(installed: Root) -> None:
    """One command installs nginx and the network's tools; then every number is the shop's own."""
    refused = installed.run("podwire", "demo", "--check")
    assert 2 == refused.returncode
    command = refused.stderr.strip().rpartition("run: ")[2]
    assert command.startswith("apt-get install")
    installed.run("apt-get", "update", check=True)
    installed.run(*shlex.split(command), "-y", check=True)

    free = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
    checked = installed.run("podwire", "demo", "--check", "--output", "json", *free)

    assert checked.returncode in {0, 1}, checked.stderr
    families = json.loads(checked.stdout)["families"]
    assert len(families) > 50
    assert [] == [family for family in families if not family["ok"]]
