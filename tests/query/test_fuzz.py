"""Any value of any argument: an answer or a described mistake, over the real embedded store."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podwire.model.metric import Function, Metric, Scope
from podwire.query import application
from podwire.query.answer import empty
from podwire.query.application import FAILED_INSIDE
from podwire.storage import Store

from .test_operations import fields, question

pytestmark = pytest.mark.asyncio(loop_scope="module")

ODD_TEXTS = ["", "\x00", "'", "\\", "{x:String}", "日本", "a" * 5000, "eA==.1", "eA==.1_eA==", "-"]
TEXTS = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(codec="utf-8"), max_size=12),
)
TIMES = st.sampled_from(
    ["2026-11-24 1058", "2026-11-24 1100", "2026-11-24", "2026-11", "0001-01", "9999-12-31", "x"]
)
METRICS = {
    name: Metric(name, function, (50,), scope)
    for name, function, scope in [
        ("edge", Function.SUM_PER_MIN, Scope.PROCESS_RELATION),
        ("service", Function.AVG, Scope.SERVICE),
        ("latest", Function.LATEST, Scope.SERVICE_INSTANCE),
        ("codes", Function.SUM_PER_MIN_LABELED, Scope.ENDPOINT),
        ("percentile", Function.SUM_HISTOGRAM_PERCENTILE, Scope.PROCESS),
        ("sizes", Function.SUM_HISTOGRAM, Scope.SERVICE_RELATION),
    ]
}
NAMES = st.sampled_from([*METRICS, "sampled_slow_trace_record", "nothing"])
EXPRESSIONS = st.one_of(
    NAMES,
    st.builds("top_n({},{},des)".format, NAMES, st.integers(0, 2**31 - 1)),
    st.builds("rate({},{})/{}".format, NAMES, st.integers(0, 501), NAMES),
    st.builds("relabels({}{{p='50'}},p='50',p='{}')".format, NAMES, NAMES),
    TEXTS,
)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "String": TEXTS,
    "ID": TEXTS,
    "Int": st.sampled_from([-(2**31), -1, 0, 1, 500, 2**31 - 1]),
    "Long": st.sampled_from([-(2**63), 0, 2**63 - 1]),
    "Boolean": st.booleans(),
}
BY_NAME = {
    "start": TIMES,
    "end": TIMES,
    "expression": EXPRESSIONS,
    "regex": TEXTS,
    "name": st.one_of(NAMES, TEXTS),
}


def values(name: str, kind: GraphQLInputType) -> st.SearchStrategy[Any]:
    """Values that the type admits, the odd ones first."""
    if isinstance(kind, GraphQLNonNull):
        return _present(name, kind.of_type)
    return st.one_of(st.none(), _present(name, kind))


def _present(name: str, kind: GraphQLInputType) -> st.SearchStrategy[Any]:
    if isinstance(kind, GraphQLList):
        return st.lists(values(name, kind.of_type), max_size=3)
    if isinstance(kind, GraphQLEnumType):
        return st.sampled_from(list(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return st.fixed_dictionaries(
            {each: values(each, field.type) for each, field in kind.fields.items()}
        )
    assert not isinstance(kind, GraphQLNonNull)
    return BY_NAME.get(name, SCALARS[kind.name]) if kind.name != "Int" else SCALARS["Int"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """An application over an empty store."""
    store = await Store.open("chdb://memory")
    app = application(store, metrics=METRICS, page=None)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://podwire"
    ) as opened:
        yield opened
    await store.close()


ANSWERED = [
    (kind, name)
    for kind, table in (("query", empty.QUERIES), ("mutation", empty.MUTATIONS))
    for name in fields(kind)
    if name not in table
]


@pytest.mark.parametrize(("kind", "name"), ANSWERED)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_any_arguments_are_answered_or_refused_in_words(
    client: httpx.AsyncClient, kind: str, name: str, data: st.DataObject
) -> None:
    """Nothing fails inside, whatever is asked."""
    text, _ = question(kind, name)
    arguments = fields(kind)[name].args
    variables = {
        each: data.draw(values(each, argument.type)) for each, argument in arguments.items()
    }

    answer = await client.post("/graphql", json={"query": text, "variables": variables})
    assert 200 == answer.status_code
    messages = [error["message"] for error in answer.json().get("errors", ())]
    assert FAILED_INSIDE not in messages, variables
