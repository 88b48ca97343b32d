"""
One way out for every command: a table for people, JSON or YAML for programs.

In: rows.  Out: standard output; messages for people go to standard error.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from podwire.wire.graphql import Refused, Unanswered

OK, REFUSED, UNUSABLE = 0, 1, 2
"""Exit codes: done; the answer is no; the operator must change something first."""

errors = Console(stderr=True, highlight=False, soft_wrap=True)


class Output(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Format = Annotated[Output, typer.Option("--output", "-o", help="How to print the result.")]
Address = Annotated[
    str,
    typer.Option("--address", envvar="PODWIRE_ADDRESS", help="Where the backend answers GraphQL."),
]
ADDRESS = "http://127.0.0.1:12800"


def show(
    rows: Sequence[Mapping[str, Any]], output: Output, *, columns: Sequence[str], empty: str
) -> None:
    """Print rows; a table shows the named columns, the other forms everything."""
    if output is Output.JSON:
        print(json.dumps(list(rows), indent=2))  # noqa: T201
    elif output is Output.YAML:
        import yaml

        print(yaml.safe_dump(list(rows), sort_keys=False), end="")  # noqa: T201
    elif rows:
        console().print(_table(rows, columns))
    else:
        errors.print(empty)


def console() -> Console:
    """Standard output: as wide as the terminal, and wide enough for any row elsewhere."""
    found = Console()
    return found if found.is_terminal else Console(width=200)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        is_number = all(isinstance(row.get(column), int | float) for row in rows)
        table.add_column(
            column.replace("_", " "),
            justify="right" if is_number else "left",
            no_wrap=column == "task",  # an id is there to be copied
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    return table


def _cell(value: Any) -> Text:
    if value is None:
        return plain("-")
    if isinstance(value, list | tuple):
        return plain(", ".join(map(str, value)))
    return plain(str(value))


def plain(text: str, style: str = "") -> Text:
    r"""
    Text as it is, whoever wrote it: neither our markup nor the terminal's commands mean anything.

    >>> print(plain("GET /[/b] \x1b[2J"))
    GET /[/b] \x1b[2J
    """
    return Text("".join(map(_visible, text)), style)


def _visible(letter: str) -> str:
    is_harmless = letter.isprintable() or letter in "\r\n\t"
    return letter if is_harmless else letter.encode("unicode_escape").decode()


@contextmanager
def exit_codes(*unusable: type[Exception]) -> Iterator[None]:
    """Turn what an operator can mend into one message and an exit code."""
    mendable: tuple[type[Exception], ...] = (Unanswered, *unusable)
    try:
        yield
    except Refused as error:
        fail(str(error), REFUSED)
    except mendable as error:
        fail(str(error), UNUSABLE)


def fail(message: str, code: int) -> None:
    """Say one thing on standard error and end."""
    errors.print(f"podwire: {message}", markup=False)
    raise typer.Exit(code)


__all__ = ["ADDRESS", "Address", "Format", "Output", "exit_codes", "fail", "plain", "show"]
