"""The language as a whole, over expressions that nobody thought of."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podwire.query.mqe import tree
from podwire.query.mqe.evaluate import Known, Need, evaluate, needs
from podwire.query.mqe.lexer import KEYWORDS, ExpressionError
from podwire.query.mqe.parse import AGGREGATES, LABEL_AGGREGATES, LEVELS, parse
from podwire.query.mqe.printer import text_of
from podwire.query.mqe.result import Kind, Result, Row, Value
from podwire.query.mqe.text import number
from podwire.query.mqe.tree import Node

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: name not in KEYWORDS and name not in ("asc", "des", "bool")
)
TEXTS = st.text("abc01,.$ \n", max_size=6)
LABELS = st.tuples(NAMES, TEXTS)
ORDERS = st.sampled_from(["asc", "des"])
COUNTS = st.integers(0, 600)
METRICS = st.builds(tree.MetricRef, NAMES, st.lists(LABELS, max_size=2).map(tuple))
ATTRIBUTES = st.builds(tree.Attribute, st.sampled_from(["attr0", "attr5"]), st.booleans(), TEXTS)
TOP_N = st.builds(tree.TopN, METRICS, COUNTS, ORDERS, st.lists(ATTRIBUTES, max_size=2).map(tuple))
LEAVES: st.SearchStrategy[Node] = st.one_of(
    METRICS,
    st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,3})?", fullmatch=True).map(tree.Number),
    TOP_N,
    st.builds(tree.Trend, st.sampled_from(["increase", "rate"]), METRICS, COUNTS),
    st.builds(tree.Baseline, METRICS, st.sampled_from(["value", "upper", "lower"])),
    st.builds(tree.TopNOf, st.lists(TOP_N, min_size=1, max_size=2).map(tuple), COUNTS, ORDERS),
)


def around(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Every construct that holds others; operands stand in parentheses, as a writer's would."""
    operand = inner.map(tree.Parentheses)
    names = st.lists(NAMES, max_size=2).map(tuple)
    return st.one_of(
        operand,
        st.builds(tree.Binary, st.sampled_from(sorted(LEVELS)), operand, operand),
        st.builds(tree.Aggregate, st.sampled_from(AGGREGATES), inner),
        st.builds(tree.Rounding, st.sampled_from(["abs", "ceil", "floor"]), inner),
        st.builds(tree.Rounding, st.just("round"), inner, COUNTS),
        st.builds(
            tree.Sequence,
            st.sampled_from(["view_as_seq", "is_present"]),
            st.lists(inner, min_size=1, max_size=3).map(tuple),
        ),
        st.builds(tree.Relabels, inner, LABELS, LABELS),
        st.builds(tree.AggregateLabels, inner, st.sampled_from(LABEL_AGGREGATES), names),
        st.builds(tree.SortValues, inner, COUNTS, ORDERS, st.sampled_from(AGGREGATES)),
        st.builds(
            tree.SortLabelValues, inner, ORDERS, st.lists(NAMES, min_size=1, max_size=2).map(tuple)
        ),
    )


EXPRESSIONS = st.recursive(LEAVES, around, max_leaves=12)


@given(EXPRESSIONS)
def test_what_is_printed_reads_as_the_same_tree(node: Node) -> None:
    """For every construct inside every other."""
    assert node == parse(text_of(node))


@given(
    st.one_of(st.text(max_size=60), st.text("avgmaxtop_n(){}='\"<>!&|+-*/%,. 019\n", max_size=80))
)
def test_any_text_is_a_tree_or_a_described_mistake(text: str) -> None:
    """Nothing else comes out of the reader, and what it read can be printed and read again."""
    try:
        node = parse(text)
    except ExpressionError:
        return
    assert node == parse(text_of(node))


DOUBLES = st.one_of(st.none(), st.floats(), st.integers(0, 2**63).map(float))


@st.composite
def results(draw: st.DrawFn, points: int, kind: Kind) -> Result:
    """What storage might answer: some rows, labelled or one without labels, or none."""
    is_labelled = kind is Kind.TIME_SERIES_VALUES and draw(st.booleans())
    count = draw(st.integers(0, 3)) if is_labelled else 1
    rows = tuple(
        Row(
            (("p", str(n)),) if is_labelled else (),
            tuple(Value(draw(DOUBLES), str(m)) for m in range(points)),
        )
        for n in range(count)
    )
    if draw(st.integers(0, 9)) == 0:
        return Result(Kind.UNKNOWN, error=draw(st.sampled_from([None, "does not exist"])))
    return Result(kind, rows, is_labelled=is_labelled)


@settings(max_examples=300)
@given(st.data(), EXPRESSIONS)
def test_any_tree_over_any_numbers_comes_to_a_result(data: Any, node: Node) -> None:
    """Infinities, no numbers and no rows included; every value has a text."""
    wanted = list(dict.fromkeys(needs(node)))
    known = Known(
        {
            each: data.draw(results(3 + each.steps_back % 5, Kind.TIME_SERIES_VALUES))
            for each in wanted
            if isinstance(each, Need)
        },
        {
            each: data.draw(
                results(2, data.draw(st.sampled_from([Kind.SORTED_LIST, Kind.RECORD_LIST])))
            )
            for each in wanted
            if isinstance(each, tree.TopN)
        },
        lambda steps: steps * 60,
    )

    result = evaluate(node, known)
    assert all(
        number(value.number) is None or number(value.number)
        for row in result.rows
        for value in row.values
    )


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_never_further_from_its_text_than_half_a_thousandth(value: float) -> None:
    """And it has no exponent and no more than three decimals."""
    text = number(value)

    assert text is not None
    assert abs(Decimal(text) - Decimal(value)) <= Decimal("0.0005") or abs(value) == 0.0005
    assert set(text) <= set("-.0123456789")
    assert len(text.partition(".")[2]) <= 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("m+" * 300 + "m", "deeper than 200"),
        ("view_as_seq(" + "m," * 1200 + "m)", "more than 1000 parts"),
        ("m" * 20_001, "longer than 20000 characters"),
        ("(" * 10_000, "more than 50 expressions"),
        ("increase(" + "9" * 5000 + ", 1)", "mismatched input '9999"),
    ],
)
def test_what_is_too_large_is_refused_at_once(text: str, complaint: str) -> None:
    """Not with the stack, not after a while."""
    with pytest.raises(ExpressionError, match=complaint):
        parse(text)
