"""`podwire mal`: for whoever writes rules."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from podwire.cli.main import app

RULES = """
metricPrefix: shop
expSuffix: service(['svc'], Layer.GENERAL)
metricsRules:
  - {name: requests, exp: "m.sum(['svc'])"}
  - {name: requests, exp: "m.sum(['svc']) * (2 * 3)"}
  - {name: rate, exp: "m.sum(['svc']).rate('PT1M')"}
  - {name: age, exp: "time() - m.sum(['svc'])"}
  - {name: sizes, exp: "h.histogram()"}
  - {name: nothing, exp: none}
  - {name: broken, exp: "m.sux(['svc'])"}
  - {name: failing, exp: "m.tag({ tags -> tags.zone = tags.none })"}
  - name: peer
    exp: |-
      m.tag({ tags ->
        tags.svc = ProcessRegistry.generateVirtualLocalProcess(tags.svc, 'i')
      })
"""

BATCHES = (
    '{"timestamp_ms": 1700000000000, "samples":'
    ' {"m": [{"labels": {"svc": "web"}, "value": 10}]}}\n'
    '{"timestamp_ms": 1700000010000, "samples":'
    ' {"m": [{"labels": {"svc": "web"}, "value": 30.0}],'
    ' "h": [{"labels": {"svc": "web", "le": "0.5"}, "value": 4}]}}\n'
)


def run(*arguments: str) -> Result:
    """The command's result."""
    return CliRunner().invoke(app, ["mal", *arguments])


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A rule file and batches."""
    rules, samples = tmp_path / "rules.yaml", tmp_path / "batches.jsonl"
    rules.write_text(RULES)
    samples.write_text(BATCHES)
    return str(rules), str(samples)


def evaluate(files: tuple[str, str], *more: str) -> dict[str, Any]:
    """What rules give for the last batch."""
    rules, samples = files
    done = run("eval", "--rules", rules, "--samples", samples, "--output", "json", *more)
    assert 0 == done.exit_code, done.output
    return dict(json.loads(done.stdout)["metrics"])


WEB = {"scope": "SERVICE", "service": "web", "layer": "GENERAL"}


def told(value: float, **labels: str) -> dict[str, Any]:
    """A metric of the service with one sample."""
    samples = [{"labels": {"svc": "web", **labels}, "value": value}]
    return {"entities": [WEB], "samples": samples, "error": None}


def test_the_last_batch_is_answered(files: tuple[str, str]) -> None:
    """Batches go in order, counters remember; a second rule of a name gets a suffix."""
    found = evaluate(files, "--now", "1700000100")

    assert told(30.0) == found["shop_requests"]
    assert told(180.0) == found["shop_requests_2"]
    assert told(2.0) == found["shop_rate"]
    assert told(1_700_000_070.0) == found["shop_age"]
    assert {"entities": [], "samples": [], "error": None} == found["shop_nothing"]


@pytest.mark.parametrize(("unit", "bound"), [((), "0"), (("--histogram-unit", "seconds"), "500")])
def test_bounds_have_the_unit_of_the_input(
    files: tuple[str, str], unit: tuple[str, ...], bound: str
) -> None:
    """Milliseconds unless something else is said."""
    assert told(4.0, le=bound) == evaluate(files, *unit)["shop_sizes"]


def test_a_rule_that_fails_says_where(files: tuple[str, str]) -> None:
    """Whether it cannot be loaded or cannot handle a sample; the other rules are answered."""
    found = evaluate(files)

    for name, kind, place in (("broken", "load", (11, 28)), ("failing", "run", (12, 33))):
        error = found[f"shop_{name}"]["error"]
        assert {"kind", "message", "line", "column"} == error.keys()
        assert (kind, *place) == (error["kind"], error["line"], error["column"])


@pytest.mark.parametrize(("world", "is_mocked"), [("none", False), ("stub", True)])
def test_the_outside_world_can_be_mocked(
    files: tuple[str, str], world: str, is_mocked: bool
) -> None:
    """Ids are computed, or all the same."""
    (entity,) = evaluate(files, "--world", world)["shop_peer"]["entities"]

    assert is_mocked == (entity["service"] == "mock-process-id")


@pytest.mark.parametrize("line", ["{", "[]", '{"samples": {}}', '{"timestamp_ms": "x"}'])
def test_what_is_no_batch_is_refused(files: tuple[str, str], line: str) -> None:
    """With the line that is wrong."""
    Path(files[1]).write_text(BATCHES + line)
    done = run("eval", "--rules", files[0], "--samples", files[1], "--output", "json")

    assert 2 == done.exit_code
    assert "line 3 is no batch" in done.stderr


def test_check_says_everything_that_is_wrong(files: tuple[str, str]) -> None:
    """Every mistake with its place, in files and in folders; exit code 1."""
    folder = Path(files[0]).parent
    (folder / "other.yaml").write_text("metricPrefix: p\nrules: []\n")
    done = run("check", str(folder))

    assert 1 == done.exit_code
    assert f"{files[0]}:11:28: unknown function 'sux'" in done.stdout
    assert "other.yaml:2:1: unknown key 'rules'" in done.stdout


def test_a_right_file_is_no_mistake(tmp_path: Path) -> None:
    """A warning is none either."""
    path = tmp_path / "right.yaml"
    path.write_text(RULES.split("  - {name: broken")[0].replace("exp: none", "exp: none $"))
    done = run("check", str(path))

    assert 0 == done.exit_code
    assert "warning: '$' is ignored" in done.stdout


def test_explain_says_it_in_words(tmp_path: Path) -> None:
    """Step by step, one rule or all."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES.split("  - {name: broken")[0])
    done = run("explain", str(path), "rate")

    assert 0 == done.exit_code
    assert (
        """shop_rate
  take m
  add up the samples that have equal ['svc']; no other label remains
  how much each counter grew a second in the last 'PT1M'
  the metric is of a service: ['svc'], Layer.GENERAL
  = avg of SERVICE: values of a minute add up with how many they are of
"""
        == done.stdout
    )
    assert 1 == run("explain", str(path), "no_such").exit_code
