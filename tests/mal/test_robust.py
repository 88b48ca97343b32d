"""Whatever a rule says and a sample holds, the answer is a result or an error with a place."""

import math
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podwire.kube.names import NoCluster
from podwire.mal.closure import run
from podwire.mal.closure.check import Use, check_closure
from podwire.mal.closure.java import compile_regex, replace, split
from podwire.mal.errors import RuleError, SampleError
from podwire.mal.evaluate import Sample, Written, evaluate, outcome_json
from podwire.mal.processes import Processes
from podwire.mal.text import syntax

labels = st.dictionaries(
    st.sampled_from(["a", "b", "le", "service"]),
    st.sampled_from(["", "x", "1", "-1", "1.5", "Infinity", "NaN", "+Inf", "\0", "a.b", "{}|,=%"]),
).map(lambda found: tuple(found.items()))

names = st.sampled_from(["tags", "x", "y"])
plain = (
    st.sampled_from(["x", "", "1", r"\d", "("]).map(syntax.Text)
    | st.sampled_from([0.0, 1.0, 2.5]).map(syntax.Number)
    | st.just(syntax.Null())
    | st.booleans().map(syntax.Truth)
    | names.map(syntax.Name)
    | st.sampled_from(["a", "b", "le"]).map(lambda key: syntax.Member(syntax.Name("tags"), key))
)
METHODS = ["trim", "split", "length", "substring", "size", "get", "replaceAll", "matches", "name"]


def compounds(inner: st.SearchStrategy[syntax.Value]) -> st.SearchStrategy[syntax.Value]:
    """Values of any sense and nonsense."""
    arguments = st.lists(inner, max_size=2).map(tuple)
    operators = st.sampled_from(["+", "-", "*", "/", "?:", "==", "<", "&&"])
    return (
        st.builds(syntax.Infix, operators, inner, inner)
        | st.builds(syntax.Method, inner, st.sampled_from(METHODS), arguments, st.booleans())
        | st.builds(syntax.Index, inner, inner)
        | st.builds(syntax.Member, inner, st.sampled_from(["length", "a"]))
        | st.builds(syntax.Find, inner, st.sampled_from(["(x)?.", "1"]))
        | st.builds(syntax.Ternary, inner, inner, inner)
        | st.builds(syntax.Not, inner)
        | st.builds(syntax.Minus, inner)
        | st.builds(lambda value: syntax.Map(("k",), (value,)), inner)
    )


values = st.recursive(plain, compounds, max_leaves=6)
statements = (
    st.builds(syntax.Declare, st.sampled_from(["def", "String", "String[]", "int"]), names, values)
    | st.builds(syntax.Assign, names.map(syntax.Name), values)
    | st.builds(lambda v: syntax.Assign(syntax.Member(syntax.Name("tags"), "b"), v), values)
    | st.builds(syntax.Discard, values)
    | st.builds(lambda v: syntax.Return(v), values)
)
bodies = st.lists(statements, max_size=4).map(tuple)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(bodies, labels)
def test_a_closure_that_passes_its_check_runs_or_fails_with_a_place(
    body: tuple[syntax.Statement, ...], found: tuple[tuple[str, str], ...]
) -> None:
    """Nothing that a closure does to a sample surprises anybody."""
    closure = syntax.Closure(("tags",), body)
    try:
        check_closure(closure, Use.TAG)
        result = run.tag(closure, Processes(NoCluster()), found)
    except (RuleError, SampleError):
        return
    assert all(isinstance(text, str) for pair in result for text in pair)


CALLS = (
    "sum(['a'])", "avg(['a', 'le'])", "count(['a'])", "count(['a', 'b'])", "max(['b'])",
    "increase('PT1M')", "rate('PT15S')", "irate()", "histogram()", "histogram('a')", "negative()",
    "tagEqual('a', 'x')", "tagNotMatch('b', '1.*')", "valueLess(1)", "safeDiv(n)", "plus(n)",
    "tag({ tags -> tags.a = tags.b })", "forEach(['a', 'b'], { k, tags -> tags[k] = 'c' + k })",
    "service(['a'], Layer.GENERAL)", "instance(['a'], ['b'], Layer.MESH)",
    "processRelation('a', ['service'], ['b'], 'a', 'b', 'le')",
    "decorate({ me -> me.attr0 = me.serviceName })",
    "retagByK8sMeta('c', K8sRetagType.Pod2Service, 'a', 'b')",
)  # fmt: skip
HEAD = "metricPrefix: p\nexpSuffix: endpoint(['a'], ['b'], Layer.MESH)\n"
OPERATORS = ("m {}", "m {} + n", "n / m {}", "2 / m {}", "m {} * (time() - 1)", "-m {}")


@given(
    st.sampled_from(OPERATORS),
    st.lists(st.sampled_from(CALLS), max_size=4),
    st.lists(
        st.dictionaries(
            st.sampled_from(["m", "n"]),
            st.lists(st.builds(Sample, labels, st.floats()), max_size=4),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_any_chain_over_any_samples_is_answered(
    frame: str, calls: list[str], batches: list[dict[str, list[Sample]]]
) -> None:
    """With samples that are numbers, or with an error that has a place."""
    exp = frame.format("".join(f".{call}" for call in calls))
    text = f"{HEAD}metricsRules:\n  - name: x\n    exp: |-\n      {exp}\n"
    written = [Written(at * 15_000, batch) for at, batch in enumerate(batches)]
    world = Processes(NoCluster())
    outcome = evaluate(text, "x", written, world, unit_ms=1.0, clock=lambda: 1.7e9)["p_x"]

    found = outcome_json(outcome)
    assert not any(math.isnan(each["value"]) for each in found["samples"])
    assert outcome.error is None or (found["error"]["line"] >= 5 or found["error"]["line"] == 2)


@given(st.text("ab\\[](){}?*+.^$|dQEpP", max_size=12), st.text("ab.", max_size=6))
def test_any_pattern_is_one_or_is_none(pattern: str, text: str) -> None:
    """A pattern compiles or is refused; nothing else happens."""
    try:
        compile_regex(pattern)
        split(pattern, text)
        replace(pattern, "$0", text)
    except (re.error, IndexError, OverflowError):
        return
