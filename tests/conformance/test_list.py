"""The list of what the wire promises names a test for every number, and every test has one."""

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
LIST = TESTS.parent / "docs" / "conformance.md"
ROW = re.compile(r"^\| ([\d.]+) \| (.+?) \| (.+?) \|$", re.M)
HERE = ("test_list.py",)
"""The list itself is no promise."""


def rows() -> list[tuple[str, list[str]]]:
    """Each number with its tests as `folder/test_file.py::test_name`."""
    found = ROW.findall(LIST.read_text())
    return [(number, re.findall(r"`([^`]+::[^`]+)`", tests)) for number, _, tests in found]


@cache
def functions(path: Path) -> frozenset[str]:
    """The names of the tests in a file."""
    if not path.is_file():
        return frozenset()
    nodes = ast.walk(ast.parse(path.read_text()))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in nodes if isinstance(node, kinds))


def test_every_statement_has_a_test_that_exists() -> None:
    """A number without one fails here."""
    missing = {
        number: tests
        for number, tests in rows()
        if not tests
        or not all(
            name in functions(TESTS / path)
            for path, _, name in (test.partition("::") for test in tests)
        )
    }

    assert rows()
    assert {} == missing


def test_numbers_are_unique_and_in_order() -> None:
    """So that a number says one thing."""
    numbers = [[int(part) for part in number.split(".")] for number, _ in rows()]

    assert sorted(numbers) == numbers
    assert len(numbers) == len({tuple(each) for each in numbers})


def test_every_test_of_the_suite_stands_for_a_statement() -> None:
    """A promise that is tested is a promise that is written."""
    here = Path(__file__).parent
    tests = {
        f"conformance/{path.name}::{name}"
        for path in here.glob("test_*.py")
        if path.name not in HERE
        for name in functions(path)
        if name.startswith("test_")
    }

    assert set() == tests - {test for _, tests in rows() for test in tests}
