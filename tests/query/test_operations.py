"""Every operation of SkyWalking's protocol is in the schema, and is answered or empty by design."""

import re
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_leaf_type,
)

from podwire.query.answer import empty
from podwire.query.application import schema

from .asking import Asking

LIST = Path(__file__).parents[2] / "docs" / "graphql.md"
ROW = re.compile(r"^\| (query|mutation) \| `(\w+)(.*)` \| (answered|empty) \|$", re.MULTILINE)
ROOTS = {"query": schema().query_type, "mutation": schema().mutation_type}
EMPTY = {"query": empty.QUERIES, "mutation": empty.MUTATIONS}


def fields(kind: str) -> dict[str, GraphQLField]:
    """The operations in the schema."""
    root = ROOTS[kind]
    assert root is not None
    found: dict[str, GraphQLField] = root.fields
    return found


def listed() -> list[tuple[str, str, str, str]]:
    """Kind, name, signature and state of every row."""
    return [match.groups() for match in ROW.finditer(LIST.read_text())]  # type: ignore[misc]


def test_the_list_has_every_operation_with_its_types() -> None:
    """What is in the schema is in the list and the other way round, argument by argument."""
    written = {(kind, name): signature for kind, name, signature, _ in listed()}
    there = {
        (kind, name): _signature(field) for kind in ROOTS for name, field in fields(kind).items()
    }

    assert there == written


def _signature(field: GraphQLField) -> str:
    arguments = ", ".join(f"{name}: {argument.type}" for name, argument in field.args.items())
    return (f"({arguments})" if arguments else "") + f": {field.type}"


def test_what_is_empty_by_design_is_said_so() -> None:
    """The list and the code name the same operations."""
    for kind, table in EMPTY.items():
        said = {name for each, name, _, state in listed() if (each, state) == (kind, "empty")}
        assert set(table) == said


def test_what_is_answered_has_somebody_who_answers() -> None:
    """No operation is left to a default that finds nothing."""
    for kind, name, _, _ in listed():
        assert fields(kind)[name].resolve is not None, name


SAMPLES: dict[str, Any] = {
    "String": "x", "ID": "eA==.1_eA==", "Int": 1, "Long": 1, "Boolean": False,
    "Duration": {"start": "2026-11-24 1058", "end": "2026-11-24 1100", "step": "MINUTE"},
}  # fmt: skip


def sample(kind: GraphQLInputType) -> Any:
    """A value of a type: every field of an input is given."""
    if isinstance(kind, GraphQLNonNull):
        return sample(kind.of_type)
    if isinstance(kind, GraphQLList):
        return [sample(kind.of_type)]
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType) and kind.name not in SAMPLES:
        return {name: sample(field.type) for name, field in kind.fields.items()}
    return SAMPLES[kind.name]


def selection(kind: GraphQLOutputType, depth: int = 0) -> str:
    """Every field that a client could ask for, five levels down."""
    named = get_named_type(kind)
    if is_leaf_type(named):
        return ""
    assert isinstance(named, GraphQLObjectType)
    inner = [
        f"{name} {selection(field.type, depth + 1)}"
        for name, field in named.fields.items()
        if depth < 5 or is_leaf_type(get_named_type(field.type))
    ]
    return f"{{ {' '.join(inner)} }}"


def question(kind: str, name: str) -> tuple[str, dict[str, Any]]:
    """An operation with every argument and every field, and its variables."""
    field = fields(kind)[name]
    heads = ", ".join(f"${each}: {argument.type}" for each, argument in field.args.items())
    calls = ", ".join(f"{each}: ${each}" for each in field.args)
    head, call = (f"({heads})", f"({calls})") if field.args else ("", "")
    text = f"{kind} {head} {{ {name}{call} {selection(field.type)} }}"
    return text, {each: sample(argument.type) for each, argument in field.args.items()}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name, _, _ in listed()])
async def test_every_operation_takes_every_field_of_the_protocol(
    ask: Asking, kind: str, name: str
) -> None:
    """With every argument of it, and answers without an error."""
    text, variables = question(kind, name)
    body = await ask(text, **variables)

    assert "errors" not in body, body
    assert {name} == set(body["data"])


@pytest.mark.parametrize("kind", ["query", "mutation"])
async def test_what_is_empty_is_what_the_list_means_by_it(ask: Asking, kind: str) -> None:
    """Empty lists, no object, or a refusal in words."""
    for name, expected in EMPTY[kind].items():
        text, variables = question(kind, name)
        found = (await ask.data(text, **variables))[name]
        if isinstance(expected, dict):
            assert expected == {key: found[key] for key in expected}
        else:
            assert expected == found
