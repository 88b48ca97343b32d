"""What is a question and what is not, and how much one may ask."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .asking import Asking

JSON = "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("kind", "content", "status", "complaint"),
    [
        (JSON, b"{", 400, "not JSON"),
        (JSON, b"\xff{}", 400, "not JSON"),
        (JSON, b'{"query": "\\ud800"}', 400, "not JSON"),
        (JSON, b'{"query": NaN}', 400, "NaN is no number"),
        (JSON, b"[" * 100_000, 400, "not JSON"),
        (JSON, b"[1]", 400, 'a text "query"'),
        (JSON, b'{"query": 5}', 400, 'a text "query"'),
        (JSON, b'{"query": "{ version }", "variables": [1]}', 400, '"variables" must be'),
        (JSON, b'{"query": "{ version }", "operationName": 1}', 400, '"operationName" must be'),
        (JSON, b'{"query": "' + b" " * 1_100_000 + b'"}', 413, "larger than"),
        ("text/plain", b'{"query": "{ version }"}', 415, "'text/plain' is not taken"),
        ("application/json; charset=latin-1", b"{}", 415, "in UTF-8"),
        ("", b'{"query": "{ version }"}', 415, "is not taken"),
    ],
)
async def test_what_is_no_question_has_http_s_status_and_a_message(
    ask: Asking, kind: str, content: bytes, status: int, complaint: str
) -> None:
    """In the one shape that clients read."""
    answer = await ask.client.post("/graphql", content=content, headers={"Content-Type": kind})

    assert (status, JSON) == (answer.status_code, answer.headers["content-type"])
    (error,) = answer.json()["errors"]
    assert {"message"} == set(error)
    assert complaint in error["message"]


@pytest.mark.parametrize("kind", [JSON, "application/json", 'Application/JSON; Charset="UTF-8"'])
async def test_json_in_utf_8_is_taken_however_it_is_written(ask: Asking, kind: str) -> None:
    """SkyWalking's clients write it in two ways."""
    content = b'{"query": "{ version }", "variables": null, "operationName": null}'
    answer = await ask.client.post("/graphql", content=content, headers={"Content-Type": kind})

    assert (200, JSON) == (answer.status_code, answer.headers["content-type"])
    assert answer.json()["data"]["version"].startswith("10.4.0-")


async def test_only_posts_are_questions(ask: Asking) -> None:
    """A browser that looks at the address is told the method."""
    answer = await ask.client.get("/graphql")
    assert (405, "POST") == (answer.status_code, answer.headers["allow"])


FRAGMENTS = "".join(f" fragment f{n} on Query {{ version }}" for n in range(101))
DOUBLING = "{ ...f0 }" + "".join(
    f" fragment f{n} on Query {{ a{n}: version ...f{n + 1} b{n}: version ...f{n + 1} }}"
    for n in range(18)
)


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("{ nothing }", "Cannot query field 'nothing' on type 'Query'. (line 1, column 3)"),
        ("{ version", "Syntax Error: Expected Name, found <EOF>. (line 1, column 10)"),
        ("{ a " * 5000, "Document is nested too deeply"),
        ("{ a " * 30 + "}" * 30, "deeper than 20 levels"),
        ("{ __schema { types " + "{ fields { type " * 15 + "{ name }" + " } }" * 15 + " } }",
         "deeper than 20 levels"),
        ("{" + " ".join(f"a{n}: version" for n in range(3001)) + "}", "more than 3000 fields"),
        ("{" + "version " * 51 + "}", "asks 'version' more than 50 times in one place"),
        ("{" + "version " * 60_000 + "}", "more than 50000 words"),
        ("{ ...f0 }" + FRAGMENTS, "more than 100 fragments"),
        (DOUBLING + " fragment f18 on Query { version }", "more than 3000 fields"),
        ("{ ...f } fragment f on Query { ...f }", "deeper than 20 levels"),
        ("query a { version } query b { version }", "Must provide operation name"),
        ("", "Syntax Error: Unexpected <EOF>."),
        ("{ version { } }", "must not have a selection"),
    ],
)  # fmt: skip
async def test_what_graphql_refuses_is_a_message_with_status_200(
    ask: Asking, query: str, complaint: str
) -> None:
    """With little work, however large it is, with its place where it has one, nothing beside."""
    started_s = time.process_time()
    body = await ask(query)

    assert time.process_time() - started_s < 5
    assert {"errors"} == set(body)
    assert complaint in body["errors"][0]["message"]


async def test_one_of_several_operations_is_asked_by_its_name(ask: Asking) -> None:
    """As a page does that keeps its queries in one document."""
    query = "query a { version } query b { getTimeInfo { timezone } }"
    content = {"query": query, "operationName": "b"}
    answer = await ask.client.post("/graphql", json=content)

    assert {"getTimeInfo"} == set(answer.json()["data"])


async def test_a_failure_inside_is_told_without_its_insides(
    ask: Asking, caplog: pytest.LogCaptureFixture
) -> None:
    """Who asks learns that it is ours to act; the log has the rest. Other parts are answered."""

    async def broken() -> None:
        raise OSError("the secret path /var/lib")

    ask.rows.services = broken  # type: ignore[method-assign, assignment]
    body = await ask("{ version listServices { id } }")

    assert [{"message": "podwire failed inside; its log says why"}] == body["errors"]
    assert "the secret path" in caplog.text


async def test_introspection_is_answered(ask: Asking) -> None:
    """With the query that every GraphQL tool sends."""
    from graphql import build_client_schema, get_introspection_query

    found = build_client_schema(await ask.data(get_introspection_query()))
    assert found.query_type is not None
    assert "execExpression" in found.query_type.fields


@given(st.one_of(st.text(max_size=60), st.text('{}()[]:$!.@"#a1 \n', max_size=80)))
async def test_any_text_is_answered(text: str) -> None:
    """By data or by a message, never by a failure."""
    content = json.dumps({"query": text}).encode()
    answer = await Asking().client.post("/graphql", content=content, headers={"Content-Type": JSON})

    assert answer.status_code in (200, 400)
    assert answer.json().keys() & {"data", "errors"}
