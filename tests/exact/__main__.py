"""
`make exact`: play every case, print the table, and write the page that is kept.

`make exact ARGS='TLS curl'` plays the cases whose name holds a word, and writes nothing.
"""

import argparse
import os
import platform
import sys
import time
from pathlib import Path

from exact.case import Case, Row
from exact.cases import ALL, GROUPS
from exact.table import HEAD, line, page

PAGE = Path(__file__).parents[2] / "docs" / "exactness.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="of names of cases; all cases by default")
    words = parser.parse_args().words
    chosen = [case for case in ALL if not words or any(word in case.name for word in words)]
    for case in (each for each in chosen if each.lacks):
        print(f"left out: {case.name}: {case.lacks} is not installed", file=sys.stderr)
    print(HEAD, flush=True)
    played = [(case, play(case)) for case in chosen if not case.lacks]
    wrong = sum(not row.finding.is_right for _, rows in played for row in rows)
    print(f"\n{len(played)} cases, {wrong} quantities differ", file=sys.stderr)
    if not words:
        machine = f"Linux {platform.release()}, {os.cpu_count()} cores."
        PAGE.write_text(page(GROUPS, played, machine))
    return wrong > 0


def play(case: Case) -> list[Row]:
    """One case, shown as soon as it is over."""
    start_s = time.monotonic()
    rows = case.rows()
    for row in rows:
        print(line(row, case.name), flush=True)
    print(f"  {time.monotonic() - start_s:4.1f} s  {case.name}", file=sys.stderr)
    return rows


if __name__ == "__main__":
    sys.exit(main())
