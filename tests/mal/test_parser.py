"""What the parser refuses beyond the scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podwire.mal.errors import RuleError, Source
from podwire.mal.text.parser import parse

WORDS = ("a", "sum", "(", ")", "[", "]", "{", "}", "'x'", ",", ".", "->", "+", "1", "if", "=", "!")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "a",
        "-" * 10_000 + "a",
        "a" + "+a" * 10_000,
        "a" + ".f()" * 10_000,
        "a.f(" * 10_000,
        "a.tag({ t -> t.a = " + "(" * 10_000 + "'x' })",
        "a.tag({ t -> t.a = " + "t.b ? " * 10_000 + "'x' })",
        "a.tag({ t -> t.a = " + "t.b ?: " * 10_000 + "'x' })",
        "a.tag({ t -> t.a = " + "t.b ? t.c : " * 10_000 + "'x' })",
        "a.tag({ t -> t.a = " + "'x' + " * 10_000 + "'x' })",
        "a.tag({ t -> t.a = t" + "['x']" * 10_000 + " })",
        "a.tag({ t -> t.a = " + "['x': " * 10_000 + " })",
        "a.tag({ t -> if (" + "!" * 10_000 + "t.a) { } })",
        "a.tag({ t -> " + "if (t.a) { " * 10_000 + " })",
        "a.tag({ t -> if (t.a) { }" + " else if (t.a) { }" * 10_000 + " })",
    ],
    ids=range(15),
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
