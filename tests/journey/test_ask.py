"""The command line over the real shop says what GraphQL says."""

import json
import subprocess
import sys
from typing import Any

import pytest
import yaml

from podwire.demo.ledger import EDGES
from podwire.demo.rules import GATEWAY, INSTANCE, ORDERS, SERVICE

pytestmark = pytest.mark.root
POD = ("--service", SERVICE, "--instance", INSTANCE)


def run(shop_url: str, *arguments: str, output: str = "json") -> str:
    """Standard output of a command that must succeed."""
    command = [sys.executable, "-m", "podwire.cli", *arguments]
    options = ["--address", shop_url, "--output", output]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def rows(shop_url: str, *arguments: str) -> list[dict[str, Any]]:
    """The same, read."""
    found: list[dict[str, Any]] = json.loads(run(shop_url, *arguments))
    return found


def test_topology_lists_the_shops_four_edges(shop_url: str) -> None:
    """Ends by name, protocols as the shop is built."""
    found = {
        (row["source"], row["target"], tuple(row["protocol"]))
        for row in rows(shop_url, "topology", *POD)
    }

    assert {(edge.source, edge.target, (edge.protocol,)) for edge in EDGES} == found


def test_metrics_print_the_same_in_every_form(shop_url: str) -> None:
    """A closed expression: the pair is called, so its count is above zero in all three."""
    ends = ("--source", GATEWAY, "--target", ORDERS)
    asked = ("metrics", "min(process_relation_http1_request_cpm) * 0 + 7", *POD, *ends)

    assert [{"time": None, "labels": [], "value": "7"}] == rows(shop_url, *asked)
    assert [{"time": None, "labels": [], "value": "7"}] == yaml.safe_load(
        run(shop_url, *asked, output="yaml")
    )
    assert "7" == run(shop_url, *asked, output="table").split()[-1]


def test_a_task_is_created_listed_and_kept(shop_url: str) -> None:
    """Its id is printed whole, in a table too: it is there to be copied."""
    (created,) = rows(shop_url, "task", "create", *POD, "--when-5xx", "--min-duration-ms", "300")
    listed = rows(shop_url, "task", "list", "--service", SERVICE)

    assert created["task"] in [task["task"] for task in listed]
    assert created["task"] in run(shop_url, "task", "list", output="table")
    kept = [sys.executable, "-m", "podwire.cli", "task", "keep", created["task"]]
    assert 0 == subprocess.run([*kept, "--address", shop_url], timeout=60).returncode


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("topology", "--service", "nope", "--instance", INSTANCE), f"there are: {SERVICE}"),
        (("topology", "--service", SERVICE, "--instance", "x"), f"there are: {INSTANCE}"),
        (("task", "create", *POD, "--uri", "a("), "is invalid at position"),
        (("metrics", "nothing", *POD, "--source", "a", "--target", "b"), "does not exist"),
        (("metrics", "1 +", *POD, "--source", "a", "--target", "b"), "mismatched input"),
    ],
)
def test_what_the_backend_refuses_is_exit_code_1(
    shop_url: str, arguments: tuple[str, ...], complaint: str
) -> None:
    """With its reason, and with what there is instead."""
    command = [sys.executable, "-m", "podwire.cli", *arguments, "--address", shop_url]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert 1 == done.returncode
    assert complaint in done.stderr
    assert 1 == len(done.stderr.strip().splitlines())
