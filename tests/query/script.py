"""
The language of `cases/*.test`: see `cases/README.md`.

In: a file.  Out: the numbers it loads, and its cases.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from podwire.query.mqe import tree
from podwire.query.mqe.evaluate import Known, Need, needs
from podwire.query.mqe.result import Kind, Labels, Result, Row, Value, failed
from podwire.query.mqe.text import number
from podwire.query.mqe.value import labels

FOLDER = Path(__file__).parent / "cases"
STEP_S = 60


@dataclass
class World:
    """What a file loads: values by metric and labels, and lists."""

    series: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    before: dict[str, list[str]] = field(default_factory=dict)
    lists: dict[str, tuple[Kind, list[str]]] = field(default_factory=dict)

    def known(self, node: tree.Node) -> Known:
        """The answers to what an expression needs."""
        wanted = list(needs(node))
        return Known(
            metrics={each: self._metric(each) for each in wanted if isinstance(each, Need)},
            lists={each: self._list(each) for each in wanted if isinstance(each, tree.TopN)},
            step_s=lambda steps: steps * STEP_S,
        )

    def _metric(self, need: Need) -> Result:
        if need.metric not in self.series:
            return failed(f"Metric: [{need.metric}] does not exist.")
        before = self.before.get(need.metric, [])[-need.steps_back :] if need.steps_back else []
        missing = ["_"] * (need.steps_back - len(before))
        by_labels = self.series[need.metric]
        rows = [
            _row(labels(key), [*missing, *before, *values], -need.steps_back)
            for key, values in by_labels.items()
        ]
        is_labelled = set(by_labels) != {"{}"}
        return Result(Kind.TIME_SERIES_VALUES, tuple(rows), is_labelled=is_labelled)

    def _list(self, node: tree.TopN) -> Result:
        if node.metric.name not in self.lists:
            return failed(f"Metric: [{node.metric.name}] does not exist.")
        kind, written = self.lists[node.metric.name]
        values = []
        for each in written:
            name, _, rest = each.partition("=")
            value, _, trace = rest.partition("@")
            values.append(Value(float(value), name, trace_id=trace or None))
        return Result(kind, (Row((), tuple(values)),))


def _row(found: Labels, texts: list[str], first: int) -> Row:
    ids = (str((first + n) * STEP_S * 1000) for n in range(len(texts)))
    numbers = (None if text == "_" else float(text) for text in texts)
    return Row(found, tuple(map(Value, numbers, ids)))


@dataclass(frozen=True)
class Case:
    """One statement of a file."""

    number: int
    sentence: str
    expression: str
    expected: list[str]
    world: World = field(repr=False, compare=False)


def cases(path: Path) -> Iterator[Case]:
    """The cases of a file, each with what was loaded."""
    world = World()
    blocks = re.split(r"\n\s*\n", path.read_text().strip())
    for line in blocks[0].splitlines():
        _load(world, line)
    for block in blocks[1:]:
        title, expression, *expected = (line.strip() for line in block.splitlines())
        count, _, sentence = title.partition(" ")
        yield Case(int(count), sentence, expression, expected, world)


def _load(world: World, line: str) -> None:
    verb, name, *values = line.split()
    metric, brace, rest = name.partition("{")
    if verb == "load":
        world.series.setdefault(metric, {})[brace + rest or "{}"] = values
    elif verb == "none":
        world.series[metric] = {}
    elif verb == "before":
        world.before[metric] = values
    else:
        kind = {"list": Kind.SORTED_LIST, "records": Kind.RECORD_LIST}[verb]
        world.lists[metric] = (kind, values)


def written(result: Result, expected: list[str]) -> list[str]:
    """A result in the language, with ids where they are expected."""
    lines = [f"{result.kind} {result.error or ''}".strip()]
    for n, row in enumerate(result.rows):
        wanted = expected[n + 1].split() if n + 1 < len(expected) else []
        shown = [
            _value(value, wanted[m + 1] if m + 1 < len(wanted) else "")
            for m, value in enumerate(row.values)
        ]
        lines.append(" ".join([_labels(dict(row.labels)), *shown]))
    return lines


def _value(value: Value, wanted: str) -> str:
    text = number(value.number) or "_"
    if "@" not in wanted:
        return text
    return f"{text}@{value.trace_id or value.id or 'null'}"


def _labels(found: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{key}={value}" for key, value in found.items()) + "}"
