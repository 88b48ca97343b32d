"""
Writes docs/reference from the code, so that it cannot go stale: `make docs`.

In: settings' docstrings, rule files, loss reasons.  Out: one page each; a test compares them.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from docs.gallery import gallery
from podwire.agent.sample.redact import RedactionSettings
from podwire.agent.settings import AgentSettings, KubernetesSettings
from podwire.app.rules import shipped
from podwire.app.settings import BackendSettings
from podwire.capture.probe import CAPABILITIES
from podwire.discovery.analyzer import Analyzer
from podwire.discovery.host import HostRule
from podwire.mal import load
from podwire.model.loss import MEANINGS
from podwire.model.tls import WORDS

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"


def settings() -> str:
    """Every setting with its default and what it means."""
    parts = [
        "# Settings",
        "A YAML file given with `--config`; `${NAME:default}` takes the environment.",
    ]
    sections = (
        ("backend", BackendSettings),
        ("agent", AgentSettings),
        ("agent.hosts[]", HostRule),
        ("agent.redaction", RedactionSettings),
        ("agent.kubernetes", KubernetesSettings),
        ("agent.kubernetes.analyzers[]", Analyzer),
    )
    for name, kind in sections:
        rows = [
            _row(field, _meanings(kind)) for field in fields(kind) if field.name != "active_rules"
        ]
        table = ["| setting | default | meaning |", "|---|---|---|", *rows]
        parts += [f"## `{name}`", inspect.getdoc(kind) or "", "\n".join(table)]
    parts += [
        "## `agent-analyzer`",
        "Which rule files are active, as SkyWalking spells it: `selector` names the section whose "
        "`meterAnalyzerActiveFiles` lists them, separated by commas.",
    ]
    return "\n\n".join(parts) + "\n"


def _row(field: Field[Any], meanings: dict[str, str]) -> str:
    default = "" if field.default is MISSING else f"`{_told(field.default)!r}`"
    return f"| `{field.name}` | {default} | {meanings.get(field.name, '')} |"


def _told(default: Any) -> Any:
    """A default as one would write it into a file."""
    if isinstance(default, tuple):
        return tuple(getattr(each, "layer", each) for each in default)
    return getattr(default, "text", default)


def _meanings(kind: type) -> dict[str, str]:
    """The text under each field of a class."""
    (body,) = (each for each in ast.parse(inspect.getsource(kind)).body)
    pairs = pairwise(ast.iter_child_nodes(body))
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def metrics() -> str:
    """Every metric of the shipped rules, and how its minutes merge."""
    lines = ["# Metrics", ""]
    for path in sorted(shipped().glob("*.yaml")):
        lines += [f"## `rules/{path.name}`", "", "| metric | minutes merge as |", "|---|---|"]
        lines += [f"| `{each.name}` | {each.function.value} |" for each in load(path).metrics]
    return "\n".join(lines) + "\n"


def losses() -> str:
    """What could not be counted or delivered, by reason."""
    lines = [
        "# Losses",
        "",
        "Each is a number; `podwire agent --status FILE` shows those above zero.",
        "The last of them are the agent's own, the others the kernel's.",
    ]
    lines += ["", "| reason | meaning |", "|---|---|"]
    return "\n".join([*lines, *_loss_rows()]) + "\n"


def _loss_rows() -> Iterator[str]:
    text = (ROOT / "bpf" / "loss.h").read_text()
    for name, meaning in re.findall(r"LOSS_(\w+),\s*/\* (.*?) \*/", text):
        yield f"| `lost_{name.lower()}_total` | {meaning} |"
    for loss, meaning in MEANINGS.items():
        yield f"| `lost_{loss}_total` | {meaning} |"


def capabilities() -> str:
    """What an agent may do, and what each right is for; tests take each of them away."""
    lines = ["# Capabilities", "", "What the agent needs, and what is missing without it."]
    lines += ["", "| capability | needed for |", "|---|---|"]
    rows = (f"| `{name}` | {what_for} |" for name, (_, what_for) in CAPABILITIES.items())
    return "\n".join([*lines, *rows]) + "\n"


def tls() -> str:
    """Why plaintext of a connection was not read, and what would make it readable."""
    lines = ["# Why TLS was not read", "", "`reason` of GraphQL's `tlsCoverage`, in words."]
    lines += ["", "| reason | why | what would help |", "|---|---|---|"]
    rows = (f"| `{reason}` | {words.why} | {words.remedy} |" for reason, words in WORDS.items())
    return "\n".join([*lines, *rows]) + "\n"


PAGES = {
    "rule-errors.md": gallery,
    "settings.md": settings,
    "metrics.md": metrics,
    "losses.md": losses,
    "capabilities.md": capabilities,
    "tls.md": tls,
}


def main() -> None:
    """Write every page."""
    for name, write in PAGES.items():
        (REFERENCE / name).write_text(write())


if __name__ == "__main__":
    main()
