"""
What was seen on each kernel, for a terminal and for the page that is kept.

In: what guests wrote.  Out: text.  Nothing here is typed in: each cell was seen in that run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Found = Mapping[str, Any]

PROLOGUE = """\
# Kernels

Debian's kernels, booted in QEMU with this repository, on an emulated processor. `make test-kernels`
loads every program there, lets it hang as high as the kernel takes it, plays cases of the exactness
table (docs/exactness.md) and writes this page. Counts and bytes are equal to an independent truth
there too, or the run fails. Where a kernel lacks something, the metric is absent, and named here as
`podwire doctor` names it.
"""

LACKS = {"drop": "drops at "}
"""By program: how quantities begin that cannot be measured without it."""


def is_excused(found: Found, quantity: str) -> bool:
    """Whether a quantity is wrong because its hook is missing, which is said elsewhere."""
    absent = [each["program"] for each in found["hooks"] if not each["rung"]]
    return any(quantity.startswith(LACKS[each]) for each in absent if each in LACKS)


def differences(found: Found) -> list[str]:
    """What is wrong and should not be."""
    said = [f"{each['name']}: {each['error']}" for each in found["cases"] if "error" in each]
    said += [
        f"{case['name']}: {each['quantity']}: {each['truth']} is true, {each['podwire']} is said"
        for case in found["cases"]
        for each in case.get("wrong", ())
        if not is_excused(found, each["quantity"])
    ]
    if not found.get("is_whole"):
        said.append("the guest did not come to its end")
    return said


def cell(found: Found, case: Mapping[str, Any]) -> str:
    """One case on one kernel."""
    if "error" in case or "is_absent" in case:
        return "failed" if "error" in case else "absent"
    wrong = [each["quantity"] for each in case["wrong"]]
    absent = [each for each in wrong if is_excused(found, each)]
    right = f"{case['quantities'] - len(wrong)} of {case['quantities'] - len(absent)}"
    return f"{right}, {len(absent)} absent" if absent else right


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(runs: Sequence[Found]) -> str:
    """The whole page; every run has looked at the same hooks and cases."""
    kernels = [each["version"] for each in runs]
    hooks = [
        [f"`{first['program']}`, {first['place']}", *_rungs(runs, at)]
        for at, first in enumerate(runs[0]["hooks"])
    ]
    hooks.append(["libbpf that loads them", *(each["libbpf"] for each in runs)])
    names = [each["name"] for each in runs[0]["cases"]]
    cases = [[name, *(_cell_of(run, name) for run in runs)] for name in names]
    took = ["seconds, from power on to power off", *(f"{run['seconds']:.0f}" for run in runs)]
    sections = [
        PROLOGUE,
        "## Hooks\n\nThe rung on which each program hangs.\n",
        table(["program", *kernels], hooks),
        "\n## Absent\n",
        "\n".join(_absent(runs)) or "Nothing.",
        "\n## Exactness\n\nQuantities of each case that are as they are in truth.\n",
        table(["case", *kernels], [*cases, took]),
        *_wrong(runs),
    ]
    return "\n".join(sections) + "\n"


def _rungs(runs: Sequence[Found], at: int) -> list[str]:
    return [run["hooks"][at]["rung"] or "absent" for run in runs]


def _cell_of(run: Found, name: str) -> str:
    return next((cell(run, case) for case in run["cases"] if case["name"] == name), "not reached")


def _wrong(runs: Sequence[Found]) -> list[str]:
    counts = {run["version"]: len(differences(run)) for run in runs}
    return [
        f"\n**{version}: {count} of what was looked at is not as it is in truth; the run failed.**"
        for version, count in counts.items()
        if count
    ]


def _absent(runs: Sequence[Found]) -> list[str]:
    return [
        f"* {run['version']}: {each['gives']} (`{each['program']}`: {each['why']})"
        for run in runs
        for each in run["hooks"]
        if not each["rung"]
    ]
