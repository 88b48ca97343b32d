"""Every construct of the query language has a number in docs/mqe.md, and each number a case."""

import re
from pathlib import Path

import pytest

from podwire.query.mqe.evaluate import evaluate
from podwire.query.mqe.lexer import ExpressionError
from podwire.query.mqe.parse import parse
from podwire.query.mqe.result import failed

from .script import FOLDER, Case, cases, written

LIST = Path(__file__).parents[2] / "docs" / "mqe.md"
CASES = [(path.name, case) for path in sorted(FOLDER.glob("*.test")) for case in cases(path)]


@pytest.mark.parametrize(
    "case", [case for _, case in CASES], ids=[f"{c.number}-{c.expression}" for _, c in CASES]
)
def test_an_expression_comes_to_what_is_written(case: Case) -> None:
    """Kind, error, labels and values, as they are answered."""
    try:
        node = parse(case.expression)
        result = evaluate(node, case.world.known(node))
    except ExpressionError as error:
        result = failed(str(error))

    assert case.expected == written(result, case.expected)


def test_every_number_of_the_list_has_a_case_and_every_case_a_number() -> None:
    """A construct that is not tried is not there; the list names the file where it is tried."""
    rows = re.findall(r"^\| (\d+) \|.*\| `(\w+\.test)` \|$", LIST.read_text(), re.MULTILINE)

    listed = [(int(number), name) for number, name in rows]
    assert [number for number, _ in listed] == list(range(1, len(listed) + 1))
    assert set(listed) == {(case.number, name) for name, case in CASES}
