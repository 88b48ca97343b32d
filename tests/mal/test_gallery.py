"""The gallery of broken rules in docs/reference."""

import pytest
from docs.gallery import BROKEN

from podwire.mal.rules import mistakes, warnings


@pytest.mark.parametrize(("title", "text"), BROKEN, ids=[title for title, _ in BROKEN])
def test_a_broken_rule_is_one_mistake_with_a_place(title: str, text: str) -> None:
    """One mistake is one message, which shows the piece of text and stands in the file."""
    (error,) = [*mistakes(text, "rules.yaml"), *warnings(text, "rules.yaml")]

    lines = text.splitlines()
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    assert "^" in str(error)


def test_there_are_twenty() -> None:
    """And a warning."""
    assert 21 == len(BROKEN) == len({text for _, text in BROKEN})
