"""Reads the scripts of tests/mal/cases; their README says what the lines mean."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from podwire.model.meter import Histogram, Meter, Single

CASES = Path(__file__).parent / "cases"
LABEL = re.compile(r'(\w+)="([^"]*)"')
LOAD = re.compile(r"(\w+)\{(.*)\} (.*)")
SAMPLE = re.compile(r"\{(.*)\} (\S+)(?: weighs (\S+))?")

Sample = tuple[frozenset[tuple[str, str]], float, float | None]


@dataclass(frozen=True, slots=True)
class Case:
    """One `eval`, `fail` or `refuse` with the report that was loaded before it."""

    place: str
    verb: str
    text: str
    meters: tuple[Meter, ...]
    expected: tuple[str, ...]


def cases(verb: str) -> list[Case]:
    """Every case of all scripts that begins with this word."""
    return [
        case for path in sorted(CASES.glob("*.test")) for case in _read(path) if case.verb == verb
    ]


def _read(path: Path) -> Iterator[Case]:
    meters: tuple[Meter, ...] = ()
    for number, line, below in _blocks(path.read_text()):
        verb, _, text = line.partition(" ")
        if verb == "load":
            meters = (*meters, _meter(text))
        elif verb == "clear":
            meters = ()
        else:
            yield Case(f"{path.stem}:{number}", verb, text, meters, below)


def _blocks(script: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    lines = script.splitlines()
    for at, line in enumerate(lines):
        if line and not line.startswith(("#", " ")):
            below = []
            while at + 1 < len(lines) and lines[at + 1].startswith("  "):
                at += 1
                below.append(lines[at][2:])
            yield at + 1, line, tuple(below)


def _meter(text: str) -> Meter:
    match = LOAD.fullmatch(text)
    assert match, text
    labels = tuple(LABEL.findall(match[2]))
    if not match[3].startswith("histogram"):
        return Single(match[1], labels, float(match[3]))
    pairs = (bucket.rpartition(":") for bucket in match[3].split()[1:])
    return Histogram(match[1], labels, tuple((float(low), int(count)) for low, _, count in pairs))


def sample(line: str) -> Sample:
    """An expected sample."""
    match = SAMPLE.fullmatch(line)
    assert match, line
    weight = float(match[3]) if match[3] else None
    return frozenset(LABEL.findall(match[1])), float(match[2]), weight
