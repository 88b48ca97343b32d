"""`podwire doctor`: what this system lets us measure, and what needs what."""

from podwire.cli.output import REFUSED, UNUSABLE, Format, Output, exit_codes, fail, show

COLUMNS = ("check", "result", "needed_for", "detail")


def doctor(output: Format = Output.TABLE) -> None:
    """
    Say what this kernel gives: each hook, capability and limit, and which metrics need it.

    Every hook is loaded and attached for a moment, on the best rung that the kernel takes: tp_btf,
    else a raw tracepoint. Without the right to do so, the rest is said and the hooks are unseen.

    Exit codes: 0 everything can be measured, 1 something cannot, 2 nothing can.
    """
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
