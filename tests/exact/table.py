"""
The rows of a run, for a terminal and for the page that is kept.

In: rows.  Out: text.  Nothing here is typed in: what stands in the table was measured in that run.
"""

from collections.abc import Mapping, Sequence

from exact.case import Case, Row, Value

HEAD = "| case | quantity | truth | podwire | difference | incumbent |\n|---|---|--:|--:|--:|---|"

PROLOGUE = """\
# Exactness

Real programs, real traffic, and what podwire says of it beside an independent truth: nginx's access
log, the programs' own books of their calls, `strace` of those that keep none, `TCP_INFO`,
`/proc/net/snmp` of each network namespace, and nftables' counters of packets lost on purpose.
Counts and bytes are equal or the run fails; times and round trips lie within bounds that the
programs' own clocks and `TCP_INFO` give. `make exact` plays all of it and writes this page.

The incumbent's column is Apache SkyWalking Rover (0.8.0-dev at 8a3162b, default configuration), run
for real once under software emulation with traffic of the same kind, so its figures read "said of
true", two runs where two stand. What it lost to a slow machine it may not lose on a fast one; what
is wrong by construction is wrong everywhere. Where nothing stands it was not looked at.

The laws are podwire's own two sides: requests begun against requests that ended in any way, bytes
by the sequence numbers of sockets that ended against bytes by their calls. A packet lost before its
server has accepted the connection is known at the client alone.

A request that was asked and never answered has no status. A call counts when it moved bytes; the
end of a stream and `EAGAIN` move none.
"""


def text(value: Value) -> str:
    """
    A value as the table shows it.

    >>> text((1000, 2)), text({200: 3, 404: 1}), text(Bounds(0.5, 2))
    ('1,000 / 2', '200: 3, 404: 1', '0.5 to 2')
    """
    if isinstance(value, tuple):
        return " / ".join(f"{each:,}" for each in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {count:,}" for key, count in value.items()) or "none"
    if isinstance(value, int | float):
        return f"{value:,}"
    return str(value)


def line(row: Row, name: str) -> str:
    found = row.finding
    figures = text(found.truth), text(found.podwire), found.difference
    return "| " + " | ".join((name, found.quantity, *figures, row.incumbent)) + " |"


def section(title: str, played: Sequence[tuple[Case, Sequence[Row]]]) -> str:
    """One group of cases; a case's name stands at its first row."""
    heading, _, note = title.partition("\n")
    lines = [
        line(row, f"**{case.name}**" if at == 0 else "")
        for case, rows in played
        for at, row in enumerate(rows)
    ]
    return "\n".join([f"## {heading.rstrip('.')}", note.strip("\n"), "", HEAD, *lines, ""])


def page(
    groups: Mapping[str, str], played: Sequence[tuple[Case, Sequence[Row]]], machine: str
) -> str:
    """The whole page."""
    rows = [row for _, found in played for row in found]
    right = sum(row.finding.is_right for row in rows)
    summary = f"{len(played)} cases, {len(rows)} quantities, {right} right. {machine}\n"
    sections = [
        section(title, [(case, found) for case, found in played if case.group == group])
        for group, title in groups.items()
    ]
    return "\n".join([PROLOGUE, summary, *sections])
