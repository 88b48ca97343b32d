"""
`make test-kernels`: boot each kernel, look at every hook, play cases, and write the page.

`make test-kernels ARGS='--suite bookworm IPv6 HEAD'` boots one, plays cases whose name holds a
word, and writes nothing.
"""

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kernels.debian import SUITES, NoKernels, release
from kernels.machine import ROOT, boot
from kernels.page import Found, differences, page

PAGE = ROOT / "docs" / "kernels.md"
TIMEOUT_S = 900


def look(suite: str, words: Sequence[str] = (), *, timeout_s: float = TIMEOUT_S) -> Found:
    """Boot a suite's kernel and see what `guest.py` finds there. Raises `NoKernels`."""
    kernel = release(suite)
    asked = [sys.executable, "-m", "kernels.guest", "/tmp/out/found.json", *words]
    command = f"cd {ROOT} && PYTHONPATH=src:tests:. {shlex.join(asked)}"
    with tempfile.TemporaryDirectory(prefix="kernels") as folder:
        run = boot(kernel, command, Path(folder), timeout_s=timeout_s)
        file = Path(folder) / "found.json"
        if not file.exists():
            raise NoKernels(f"the guest with {kernel.version} said nothing: {run.console[-2000:]}")
        found = json.loads(file.read_text())
    return {**found, "version": kernel.version, "seconds": run.seconds, "console": run.console}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", action="append", choices=SUITES)
    parser.add_argument("words", nargs="*", help="of names of cases; all cases by default")
    asked = parser.parse_args()
    runs, wrong = [], 0
    for suite in asked.suite or SUITES:
        print(f"  QEMU  {suite}", file=sys.stderr, flush=True)
        runs.append(look(suite, asked.words))
        said = differences(runs[-1])
        wrong += len(said)
        print(*said, sep="\n", file=sys.stderr, flush=True)
    text = page(runs)
    print(text)
    if not asked.suite and not asked.words:
        PAGE.write_text(text)
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
