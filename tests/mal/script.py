"""Reads the scripts of tests/mal/cases; their README says what the lines mean."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from podwire.mal.batch import bound_text
from podwire.mal.evaluate import Sample, Written

CASES = Path(__file__).parent / "cases"
LABEL = re.compile(r'([\w.]+)="((?:[^"\\]|\\.)*)"')
LOAD = re.compile(r"(\w+)\{(.*)\} (.*)")
SAMPLE = re.compile(r"\{(.*)\} (\S+)(?: weighs (\S+))?")

REPORTER = (("service", "service"), ("instance", "test-instance"))
START_MS = 1_700_000_000_000

Expected = tuple[frozenset[tuple[str, str]], float, float | None]


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything a script said before a case."""

    batches: tuple[Written, ...] = (Written(START_MS, {}),)
    header: tuple[str, ...] = ()
    unit: str = "milliseconds"
    world: str = "none"
    now_s: float = START_MS / 1000


@dataclass(frozen=True, slots=True)
class Case:
    """One case with what was set before it."""

    place: str
    verb: str
    text: str
    setting: Setting
    expected: tuple[str, ...]
    numbers: tuple[str, ...] = field(default=())
    """The entries of docs/mal.md that this proves."""


def cases(*verbs: str) -> list[Case]:
    """Every case of all scripts that begins with one of these words."""
    return [
        case for path in sorted(CASES.glob("*.test")) for case in _read(path) if case.verb in verbs
    ]


@cache
def proved() -> dict[str, str]:
    """Where each number is proved."""
    verbs = ("eval", "spare", "entities", "metric", "fail", "refuse")
    return {number: case.place for case in cases(*verbs) for number in case.numbers}


def _read(path: Path) -> Iterator[Case]:
    setting = Setting()
    numbers: tuple[str, ...] = ()
    for line_number, line, below in _blocks(path.read_text()):
        verb, _, text = line.partition(" ")
        if verb == "@":
            numbers = (*numbers, *text.split())
        elif verb in SETTERS:
            setting = SETTERS[verb](setting, text, below)
        else:
            yield Case(f"{path.stem}:{line_number}", verb, text, setting, below, numbers)
            numbers = ()


def _load(setting: Setting, text: str, below: tuple[str, ...]) -> Setting:
    del below
    *before, last = setting.batches
    name, samples = _samples(text)
    families = {**last.samples, name: [*last.samples.get(name, ()), *samples]}
    return replace(setting, batches=(*before, replace(last, samples=families)))


def _after(setting: Setting, text: str, below: tuple[str, ...]) -> Setting:
    del below
    later_ms = setting.batches[-1].timestamp_ms + round(float(text.rstrip("s")) * 1000)
    return replace(setting, batches=(*setting.batches, Written(later_ms, {})))


SETTERS: dict[str, Callable[[Setting, str, tuple[str, ...]], Setting]] = {
    "load": _load,
    "after": _after,
    "clear": lambda setting, _text, _below: replace(setting, batches=Setting().batches),
    "use": lambda setting, _text, below: replace(setting, header=below),
    "unit": lambda setting, text, _below: replace(setting, unit=text),
    "world": lambda setting, text, _below: replace(setting, world=text),
    "now": lambda setting, text, _below: replace(setting, now_s=float(text)),
}


def _blocks(script: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    lines = script.splitlines()
    for at, line in enumerate(lines):
        if line and not line.startswith(("#", " ")):
            below = []
            while at + 1 < len(lines) and lines[at + 1].startswith("  "):
                at += 1
                below.append(lines[at][2:])
            yield at + 1 - len(below), line, tuple(below)


def _samples(text: str) -> tuple[str, list[Sample]]:
    match = LOAD.fullmatch(text)
    assert match, text
    labels = read_labels(match[2])
    if not match[3].startswith("histogram"):
        return match[1], [Sample((*labels, *REPORTER), float(match[3]))]
    pairs = (bucket.rpartition(":") for bucket in match[3].split()[1:])
    return match[1], [
        Sample((*labels, ("le", bound_text(float(low))), *REPORTER), float(count))
        for low, _, count in pairs
    ]


def read_labels(text: str) -> tuple[tuple[str, str], ...]:
    """Labels as a script writes them."""
    return tuple((key, re.sub(r"\\(.)", r"\1", value)) for key, value in LABEL.findall(text))


def sample(line: str) -> Expected:
    """An expected sample."""
    match = SAMPLE.fullmatch(line)
    assert match, line
    weight = float(match[3]) if match[3] else None
    return frozenset(read_labels(match[1])), float(match[2]), weight
