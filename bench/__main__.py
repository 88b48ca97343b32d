"""`make bench`: every figure, from one run, as a table."""

import argparse
import tempfile
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from bench import ingest, kernel, mal, query, whole
from bench.machine import machine
from bench.row import Row

SECTIONS: dict[str, Callable[[str], Sequence[Row]]] = {
    "kernel": lambda _: kernel.rows(),
    "whole": lambda _: whole.rows(),
    "ingest": ingest.rows,
    "mal": lambda _: mal.rows(),
    "query": query.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"of: {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--markdown", action="store_true", help="print what bench/README.md holds")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [row for name in chosen.sections or SECTIONS for row in SECTIONS[name](folder)]
    show(found, is_markdown=chosen.markdown)


def show(found: Sequence[Row], *, is_markdown: bool) -> None:
    """A table for a terminal or for a page."""
    if is_markdown:
        print(f"Measured on {machine()}.\n\n| what | figure | note |\n|---|--:|---|")
        for row in found:
            print(f"| {row.what} | {row.figure} | {row.note} |")
        return
    table = Table("what", "figure", "note", title=machine(), box=None)
    table.columns[1].justify = "right"
    for row in found:
        table.add_row(row.what, row.figure, row.note)
    Console().print(table)


main()
