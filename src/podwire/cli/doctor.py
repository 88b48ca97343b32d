"""`podwire doctor`: what this system lets us measure, and what needs what."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podwire.cli.output import REFUSED, UNUSABLE, Format, Output, errors, exit_codes, fail, show

if TYPE_CHECKING:
    from podwire.capture.tls import Binary

COLUMNS = ("check", "result", "needed_for", "detail")
TLS_COLUMNS = ("pid", "process", "library", "file", "readable", "why", "remedy")

app = typer.Typer(invoke_without_command=True)


@app.callback()
def doctor(context: typer.Context, output: Format = Output.TABLE) -> None:
    """
    Say what this kernel gives: each hook, capability and limit, and which metrics need it.

    Every hook is loaded and attached for a moment, on the best rung that the kernel takes: tp_btf,
    else a raw tracepoint. Without the right to do so, the rest is said and the hooks are unseen.

    Exit codes: 0 everything can be measured, 1 something cannot, 2 nothing can.
    """
    if context.invoked_subcommand:
        return
    from podwire.capture import Unavailable
    from podwire.capture.probe import Result, is_useless, probe

    with exit_codes(Unavailable):
        findings = probe()
    rows = [
        {
            "check": finding.name,
            "result": str(finding.result),
            "needed_for": finding.what_for,
            "detail": finding.detail,
        }
        for finding in findings
    ]
    show(rows, output, columns=COLUMNS, empty="Nothing to check.")
    if is_useless(findings):
        fail("nothing can be measured until what is missing above is there", UNUSABLE)
    if any(finding.result is Result.MISSING for finding in findings):
        fail("some metrics cannot be measured on this system; see above", REFUSED)


@app.command()
def tls(
    pid: Annotated[
        list[int] | None, typer.Option(help="Only this process; may be given again.")
    ] = None,
    output: Format = Output.TABLE,
) -> None:
    """
    Say which processes of this host have TLS in them, whether podwire can read it, or why not.

    Each program and library is looked through once, on a fifth of a core; nothing is attached.
    What was read of a pod's connections, the backend knows: podwire tls.

    Exit codes: 0 all of it can be read, 1 some cannot, 2 a process is not there.
    """
    from podwire.capture.tls import Finder
    from podwire.model.tls import Reason

    finder = Finder()
    found = {each: finder.find(each) for each in pid or _every()}
    rows = [_row(each, binary) for each, binaries in found.items() for binary in binaries]
    if not pid:
        rows = [row for row in rows if row["reason"] != Reason.DENIED]
    show(rows, output, columns=TLS_COLUMNS, empty="No TLS library in these processes.")
    _judge(pid or (), rows, finder.refused[Reason.DENIED])


def _judge(asked: Sequence[int], rows: Sequence[Mapping[str, Any]], denied: int) -> None:
    gone = [str(each) for each in asked if not Path(f"/proc/{each}").exists()]
    if gone:
        fail(f"there is no process {', '.join(gone)}", UNUSABLE)
    if denied and not asked:
        errors.print(f"podwire: not looked into, for lack of rights: {denied}; run as root")
    if not all(row["is_readable"] for row in rows):
        fail("some TLS cannot be read; see above for why, and for what would help", REFUSED)


def _every() -> list[int]:
    return sorted(int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())


def _row(pid: int, binary: "Binary") -> dict[str, Any]:
    return {
        "pid": pid,
        "process": _name_of(pid),
        "library": binary.library,
        "file": binary.name,
        "is_readable": binary.is_readable,
        "readable": "yes" if binary.is_readable else "no",
        "reason": binary.reason,
        "why": binary.why,
        "remedy": binary.remedy,
        "build_id": binary.build_id,
        "functions": [point.symbol for point in binary.points],
    }


def _name_of(pid: int) -> str:
    """Empty when it has left meanwhile."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
    except OSError:
        return ""
