"""
`make fuzz ARGS='--seconds N'`: every target for its share of the time, and a table of it.

A finding is printed with the seed that shows it again: `--target NAME --seed N`.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import count
from random import Random

from rich.console import Console
from rich.table import Table

from fuzz import conversations, parsers, sockets

TARGETS = {**conversations.TARGETS, **sockets.TARGETS, **parsers.TARGETS}
MOST_FINDINGS = 5
"""Of one target; then it is left alone."""


def main() -> int:
    """Fuzz; 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="only this one")
    parser.add_argument("--seed", type=int, help="only this one; otherwise from the clock on")
    options = parser.parse_args()
    chosen = options.target or list(TARGETS)
    start = time.time_ns() if options.seed is None else options.seed
    share_s = options.seconds / len(chosen)
    table = Table("target", "executions", "a second", "findings", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    findings = 0
    for name in chosen:
        seeds: Iterator[int] = iter([start]) if options.seed is not None else count(start)
        began_s = time.monotonic()
        runs, found = fuzz(name, TARGETS[name], seeds, until_s=began_s + share_s)
        table.add_row(name, f"{runs}", f"{runs / (time.monotonic() - began_s):.0f}", f"{found}")
        findings += found
    Console(width=100).print(table)
    return 1 if findings else 0


def fuzz(
    name: str, target: Callable[[Random], None], seeds: Iterator[int], *, until_s: float
) -> tuple[int, int]:
    """Executions and findings of one target."""
    runs = found = 0
    for seed in seeds:
        if time.monotonic() > until_s or found == MOST_FINDINGS:
            break
        runs += 1
        try:
            target(Random(seed))
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            found += 1
            print(f"--target {name!r} --seed {seed}\n{traceback.format_exc()}", file=sys.stderr)
    return runs, found


if __name__ == "__main__":
    sys.exit(main())
