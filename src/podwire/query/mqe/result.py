"""
What an expression comes to.

In: metrics' minutes and what functions make of them.  Out: rows of values with their labels. A
result may carry an error and still its rows: that is how SkyWalking answers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

Labels = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """The types of a result; the names are the wire's."""

    UNKNOWN = "UNKNOWN"
    SINGLE_VALUE = "SINGLE_VALUE"
    TIME_SERIES_VALUES = "TIME_SERIES_VALUES"
    SORTED_LIST = "SORTED_LIST"
    RECORD_LIST = "RECORD_LIST"


LISTS = frozenset({Kind.TIME_SERIES_VALUES, Kind.SORTED_LIST, Kind.RECORD_LIST})


@dataclass(frozen=True, slots=True)
class Value:
    """One number; None where there is none."""

    number: float | None
    id: str | None = None
    """A bucket's start in milliseconds, an entity's or a sampled request's name."""

    owner: Mapping[str, object] | None = None
    """Whose value it is, in a sorted list."""

    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Values under one set of labels."""

    labels: Labels
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """Rows of one kind, or an error, or both."""

    kind: Kind
    rows: tuple[Row, ...] = ()
    error: str | None = None
    is_labelled: bool = False
    is_condition: bool = False
    """Made by a comparison, so that && and || take it."""


def failed(message: str) -> Result:
    """A result of no kind with an error."""
    return Result(Kind.UNKNOWN, error=message)


def single(number: float | None, *, is_condition: bool = False) -> Result:
    """One number."""
    rows = (Row((), (Value(number),)),)
    return Result(Kind.SINGLE_VALUE, rows, is_condition=is_condition)


def each_number(rows: Iterable[Row], change: Callable[[float], float]) -> tuple[Row, ...]:
    """The rows with every number that is there changed."""
    return tuple(Row(row.labels, tuple(_changed(e, change) for e in row.values)) for row in rows)


def _changed(value: Value, change: Callable[[float], float]) -> Value:
    if value.number is None:
        return value
    return Value(change(value.number), value.id, value.owner, value.trace_id)


def has_numbers(result: Result) -> bool:
    """Whether there is any value at all."""
    return any(value.number is not None for row in result.rows for value in row.values)
