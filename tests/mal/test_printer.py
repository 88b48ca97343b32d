"""Printing and parsing are inverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podwire.mal.errors import Source
from podwire.mal.text import syntax
from podwire.mal.text.parser import KEYWORDS, parse, parse_chain
from podwire.mal.text.printer import show

from .edges import RULES

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True).filter(
    lambda name: name not in KEYWORDS
)
texts = st.text(max_size=5)
numbers = st.integers(0, 10**9).map(float) | st.integers(0, 10**6).map(lambda n: n / 64)


texts_in_closures = texts.filter(lambda text: "${" not in text)
dotted = st.recursive(
    names.map(syntax.Name),
    lambda inner: st.builds(syntax.Member, inner, names) | st.builds(syntax.Method, inner, names),
    max_leaves=1,
)
plain = (
    st.builds(syntax.Text, texts_in_closures)
    | st.builds(syntax.Truth, st.booleans())
    | st.just(syntax.Null())
    | st.builds(syntax.Name, names)
    | st.builds(syntax.Number, numbers)
    | st.builds(lambda text, value: syntax.Interpolation((syntax.Text(text), value)), names, dotted)
)
patterns = st.sampled_from(["a+", r"^(\w+)::(.*)$", r"a\/b", "[^.]"])


def compounds(inner: st.SearchStrategy[syntax.Value]) -> st.SearchStrategy[syntax.Value]:
    """Values made of values; comparisons only where a ternary decides."""
    arguments = st.lists(inner, max_size=2).map(tuple)
    compared = st.builds(syntax.Infix, st.sampled_from(syntax.COMPARISONS), inner, inner)
    return (
        st.builds(syntax.Infix, st.sampled_from(["+", "-", "*", "/", "?:"]), inner, inner)
        | st.builds(syntax.Minus, inner)
        | st.builds(syntax.Member, inner, names, st.booleans())
        | st.builds(syntax.Index, inner, inner)
        | st.builds(syntax.Method, inner, names, arguments, st.booleans())
        | st.builds(syntax.Find, inner, patterns)
        | st.builds(syntax.Ternary, inner | compared, inner, inner)
        | st.builds(lambda key, value: syntax.Map((key, "b"), (value, value)), texts, inner)
    )


def logic(inner: st.SearchStrategy[syntax.Value]) -> st.SearchStrategy[syntax.Value]:
    """Conditions made of conditions."""
    return st.builds(syntax.Not, inner) | st.builds(
        syntax.Infix, st.sampled_from(syntax.LOGIC), inner, inner
    )


values = st.recursive(plain, compounds, max_leaves=5)
conditions = st.recursive(
    values
    | st.builds(syntax.Infix, st.sampled_from(syntax.COMPARISONS), values, values)
    | st.builds(syntax.In, values, st.lists(texts, max_size=2).map(tuple)),
    logic,
    max_leaves=3,
)
targets = (
    names.map(syntax.Name)
    | st.builds(syntax.Member, names.map(syntax.Name), names)
    | st.builds(syntax.Index, names.map(syntax.Name), values)
)
simple = (
    st.builds(syntax.Return, st.none() | values)
    | st.builds(syntax.Declare, st.sampled_from(["String", "def", "String[][]"]), names, values)
    | st.builds(syntax.Assign, targets, values)
    | st.builds(syntax.Discard, conditions)
)
bodies = st.lists(
    st.recursive(
        simple,
        lambda inner: st.builds(
            syntax.If,
            conditions,
            st.lists(inner, max_size=2).map(tuple),
            st.lists(inner, max_size=2).map(tuple),
        ),
        max_leaves=4,
    ),
    max_size=3,
).map(tuple)
closures = st.builds(syntax.Closure, st.lists(names, max_size=2).map(tuple), bodies)


def calls(inner: st.SearchStrategy[syntax.Expression]) -> st.SearchStrategy[syntax.Expression]:
    """Expressions made of expressions."""
    argument = (
        inner
        | closures
        | st.builds(syntax.Texts, st.lists(texts, min_size=1, max_size=3).map(tuple))
        | st.builds(syntax.Numbers, st.lists(numbers, min_size=1, max_size=3).map(tuple))
        | st.builds(syntax.Enum, names, names)
        | st.builds(syntax.Text, texts)
        | st.builds(syntax.Truth, st.booleans())
        | st.just(syntax.Null())
    )
    arguments = st.lists(argument, max_size=3).map(tuple)
    return (
        st.builds(syntax.Binary, st.sampled_from("+-*/"), inner, inner)
        | st.builds(syntax.Negate, inner)
        | st.builds(syntax.Call, inner, names, arguments, st.just("") | names)
    )


expressions = st.recursive(
    st.builds(syntax.Metric, names) | st.builds(syntax.Number, numbers) | st.just(syntax.Time()),
    calls,
    max_leaves=8,
)


@given(expressions)
def test_a_printed_tree_parses_to_itself(tree: syntax.Expression) -> None:
    """No tree is lost or changed by being written down."""
    assert tree == parse(Source(show(tree)))


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a + b * c",
        "(a + b) * c",
        "a - (b - c)",
        "-a.sum(['x'])",
        "(-a).sum(['x'])",
        "100 - a / 2.5",
        "a.ns::f(b + 1, ['x', 'y'], [50, 99.5], Layer.GENERAL, 'it\\'s', true, null)",
        "a.f({ x, tags -> if (x == 'a' && !(x + 'b' == null)) { return } else { tags[x] = '' } })",
        "a.f({ -> String v = 'a'; def w = v; v = w; tags.k = P.f(v, tags['a' + v]) })",
    ],
)
def test_text_without_needless_parentheses_prints_as_it_was(text: str) -> None:
    """Spaces aside, which the printer chooses, a rule's text survives."""
    assert text == show(parse(Source(text)))


def test_the_shipped_prefix_survives() -> None:
    """The longest text we ship, comments and all, is the same tree after printing."""
    lines = RULES.read_text().split("expPrefix: |-\n")[1].split("\nexpSuffix")[0]
    tree = parse_chain(Source(lines))

    assert tree == parse_chain(Source(show(tree).removeprefix(".")))
