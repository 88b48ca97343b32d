"""
The size of the kernel half as a reviewed number: `python -m bench.budget` writes bpf/BUDGET.md.

In: the object, loaded here.  Out: instructions of each program with all that it calls.
"""

from pathlib import Path

from podwire.capture.hooks import HOOKS, Programs
from podwire.capture.library import ffi, library, text
from podwire.capture.size import LEAST_BYTES, MB, MOST_BYTES, SHARE
from podwire.capture.tls.attach import NO_MAP, Probes

PAGE = Path(__file__).parents[1] / "bpf" / "BUDGET.md"

TEXT = """# Budget

Instructions of each program as it is loaded, with every function that it calls. A test refuses
a program that is larger than its row: `python -m bench.budget` writes the rows anew, for review.

{rows}

A call is scanned within 1,024 windows of 512 bytes, so at most 512 KiB of heads and chunk sizes;
bodies are skipped by length. What is beyond it is the loss `http_budget`.

Flows and connections take one part in {share} of the node's memory, not less than {least} MB and
not more than {most} MB, when everything is full (`capture/size.py`).
"""


def sizes() -> dict[str, int]:
    """Instructions by program."""
    programs = Programs({hook.program: hook.ladder[0] for hook in HOOKS})
    found, program = {}, ffi.NULL
    while program := library().bpf_object__next_program(programs.object, program):
        count = int(library().bpf_program__insn_cnt(program))
        found[text(library().bpf_program__name(program))] = count
    programs.close()
    return found | plaintext_sizes()


def plaintext_sizes() -> dict[str, int]:
    """The same of the programs that hang in TLS libraries."""
    probes = Probes(lambda _: NO_MAP, {})
    found = {
        name: int(library().bpf_program__insn_cnt(program))
        for name, program in probes.programs.items()
    }
    probes.close()
    return found


def stated() -> dict[str, int]:
    """The same, as the page says."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    pairs = [line.strip("| ").split(" | ") for line in lines]
    return {name.strip("`"): int(count.replace(",", "")) for name, count in pairs}


def page() -> str:
    """What BUDGET.md holds."""
    rows = [f"| `{name}` | {count:,} |" for name, count in sorted(sizes().items())]
    table = "\n".join(["| program | instructions |", "|---|--:|", *rows])
    least, most = LEAST_BYTES // MB, MOST_BYTES // MB
    return TEXT.format(rows=table, share=SHARE, least=least, most=most)


if __name__ == "__main__":
    PAGE.write_text(page())
