"""Points are answered quickly, and as GraphQL would answer them."""

from typing import Any

import pytest
from graphql import build_schema, execute, parse

from podwire.query.document import MOST_KEPT, Documents
from podwire.query.plain import Executor, Plain

SCHEMA = build_schema("""
type Point { id: ID value: String other: Other }
type Other { name: String }
type Query { points: [Point!]! }
""")
ROWS = [{"id": "1", "value": "a", "other": None}, {"id": None, "value": None, "other": None}]


@pytest.mark.parametrize(
    "query",
    [
        "{ points { id value } }",
        "{ points { __typename } }",
        "{ points { a: value b: value id } }",
        "{ points { id } points { value } }",
        "{ points { ...p } } fragment p on Point { id ... on Point { value } }",
        "{ points { id @skip(if: true) value @include(if: true) } }",
        "{ points { other { name } } }",
    ],
)
def test_what_is_picked_is_what_graphql_would_resolve(query: str) -> None:
    """Aliases, fragments, directives, fields asked in two places, objects that are not there."""

    def answer(rows: list[dict[str, Any]], **rest: Any) -> Any:
        return execute(SCHEMA, parse(query), {"points": rows}, **rest)

    assert answer(ROWS) == answer(Plain(ROWS), executor_class=Executor)  # type: ignore[arg-type]


def test_a_question_asked_again_is_the_same_document() -> None:
    """Until others were asked for often enough in between."""
    documents = Documents(SCHEMA)
    first = documents.read("{ points { id } }")

    assert first is documents.read("{ points { id } }")
    for n in range(MOST_KEPT):
        documents.read(f"{{ a{n}: points {{ id }} }}")
    assert first is not documents.read("{ points { id } }")


def test_what_is_wrong_or_long_is_not_kept() -> None:
    """Room is for what pages ask."""
    documents = Documents(SCHEMA)
    long = "{ points { id } }" + " " * 40_000

    assert documents.read(long) is not documents.read(long)
    assert not isinstance(documents.read("{ nothing }"), type(documents.read(long)))
