"""What the parser refuses beyond the scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podwire.mal.errors import RuleError, Source
from podwire.mal.text.parser import parse

WORDS = ("a", "sum", "(", ")", "[", "]", "{", "}", "'x'", ",", ".", "->", "+", "1", "if", "=", "!")


@pytest.mark.parametrize(
    "text",
    ["(" * 5_000 + "a", "-" * 5_000 + "a", "a" + "+a" * 5_000, "a" + ".f()" * 5_000],
    ids=["parentheses", "signs", "operators", "calls"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    """A rule that would exhaust the stack is an error at its place, not a crash."""
    with pytest.raises(RuleError, match="nested too deeply"):
        parse(Source(text))


@given(st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join) | st.text(max_size=30))
def test_any_text_is_a_tree_or_a_rule_error(text: str) -> None:
    """No text makes the parser fail in another way."""
    try:
        parse(Source(text))
    except RuleError:
        return
