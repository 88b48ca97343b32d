"""`podwire doctor`: what this system lets us measure, and what needs what."""

from podwire.cli.output import REFUSED, Format, Output, exit_codes, fail, show


def doctor(output: Format = Output.TABLE) -> None:
    """Say what this kernel gives: each hook, capability and limit, and which metrics need it."""
    from podwire.capture import Unavailable
    from podwire.capture.probe import probe

    with exit_codes(Unavailable):
        findings = probe()
    rows = [
        {
            "check": finding.name,
            "result": "ok" if finding.ok else "missing",
            "needed_for": finding.what_for,
            "detail": finding.detail,
        }
        for finding in findings
    ]
    show(
        rows, output, columns=("check", "result", "needed_for", "detail"), empty="Nothing to check."
    )
    if not all(finding.ok for finding in findings):
        fail("some metrics cannot be measured on this system; see above", REFUSED)
