"""
Every case of the exactness table: what podwire says is what is true.

`make exact` plays the same cases, the long ones too, and prints the table.
"""

from typing import Any

import pytest

from exact.case import Bounds, Case, Finding
from exact.cases import ALL, GROUPS
from exact.elder import is_here
from exact.incumbent import FIGURES
from exact.table import text

LONGEST_S = 9
BUILD_TIMEOUT_S = 600
"""The first program of a kind compiles what it uses of its language's library."""


def parameter(case: Case) -> Any:
    """A case; one that is long, or needs what is not here, is left to `make exact`."""
    marks: list[Any] = [pytest.mark.root, pytest.mark.timeout(BUILD_TIMEOUT_S)]
    if case.seconds > LONGEST_S:
        marks.append(pytest.mark.skip(reason=f"takes {case.seconds} s: `make exact` plays it"))
    if case.package and not is_here(case.package):
        marks.append(pytest.mark.skip(reason=f"`make exact` fetches {case.package}"))
    if case.lacks:
        marks.append(pytest.mark.skip(reason=f"{case.lacks} is not installed"))
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [parameter(each) for each in ALL])
def test_what_is_said_is_what_is_true(case: Case) -> None:
    """Each quantity of the case equals its independent truth, or lies within its bounds."""
    wrong = [row.finding for row in case.rows() if not row.finding.is_right]

    assert [] == wrong


def test_a_difference_is_a_difference() -> None:
    """One more, one less, a status too few, a time outside: each is wrong and is shown."""
    found = [
        Finding("count", 10, 11),
        Finding("pair", (10, 4), (10, 3)),
        Finding("statuses", {200: 1}, {}),
        Finding("time", Bounds(1, 2), 2.1),
    ]

    assert [False] * 4 == [each.is_right for each in found]
    assert ["+1", "+0 / -1", "differs", "differs"] == [each.difference for each in found]


def test_every_figure_of_the_incumbent_stands_beside_ours() -> None:
    """No figure belongs to a case that there is not."""
    assert set() == set(FIGURES) - {case.name for case in ALL}


def test_every_case_is_in_a_group() -> None:
    """The table has a place for each."""
    assert set(GROUPS) == {case.group for case in ALL}


@pytest.mark.parametrize(("value", "shown"), [((1000, 2), "1,000 / 2"), ({}, "none"), (0, "0")])
def test_a_value_is_shown_with_its_unit_left_to_the_row(value: Any, shown: str) -> None:
    """Numbers by thousands, pairs by a slash."""
    assert shown == text(value)
