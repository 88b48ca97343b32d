"""`podwire mal`: check rule files, explain them, and try them on samples."""

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from podwire.cli.output import REFUSED, Format, Output, console, errors, exit_codes

app = typer.Typer(no_args_is_help=True, help="Rule files: check, explain and try them.")

Files = Annotated[list[Path], typer.Argument(help="Rule files, or folders of them.")]


class Unit(StrEnum):
    """Of bucket bounds, where a rule does not say."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"


class Around(StrEnum):
    """What rules can ask of the outside world."""

    NONE = "none"
    STUB = "stub"


@app.command()
def check(files: Files) -> None:
    """Say everything that is wrong, with its place; exit code 1 if anything is."""
    from podwire.mal import RuleError
    from podwire.mal.rules import mistakes, paths_of, text_of, warnings

    wrong = 0
    with exit_codes(RuleError):
        for path in paths_of(files):
            text = text_of(path)
            found = mistakes(text, str(path))
            for error in (*found, *warnings(text, str(path))):
                console().print(str(error), markup=False, highlight=False, soft_wrap=True)
            wrong += len(found)
    if wrong:
        raise typer.Exit(REFUSED)


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(help="A rule file.")],
    rule: Annotated[str | None, typer.Argument(help="One rule's name; all without it.")] = None,
) -> None:
    """Say in words what rules do, step by step."""
    from podwire.mal import RuleError, load
    from podwire.mal.explain import explain_rule

    with exit_codes(RuleError):
        found = load(file).rules
    wanted = [each for each in found if rule is None or rule in _names(each.metric.name)]
    if not wanted:
        errors.print(f"podwire: there is no rule {rule!r}", markup=False)
        raise typer.Exit(REFUSED)
    for each in wanted:
        console().print(explain_rule(each), markup=False, highlight=False, soft_wrap=True)


def _names(metric: str) -> set[str]:
    """A metric's name, and every ending of it after an underscore."""
    parts = metric.split("_")
    return {"_".join(parts[at:]) for at in range(len(parts))}


@app.command("eval")
def evaluate(
    rules: Annotated[Path, typer.Option(help="A rule file.")],
    samples: Annotated[Path, typer.Option(help="Batches as JSON, one a line.")],
    now: Annotated[float | None, typer.Option(help="What time() reads, epoch seconds.")] = None,
    histogram_unit: Annotated[
        Unit, typer.Option(help="Of bucket bounds, where a rule does not say.")
    ] = Unit.MILLISECONDS,
    world: Annotated[Around, typer.Option(help="What rules can ask about.")] = Around.NONE,
    output: Format = Output.TABLE,
) -> None:
    """Evaluate rules over batches in order, and show what they give for the last one."""
    from podwire.kube.names import NoCluster
    from podwire.mal import RuleError
    from podwire.mal import evaluate as mal
    from podwire.mal.family import MILLISECOND_MS, SECOND_MS
    from podwire.mal.processes import Mocked, Processes
    from podwire.mal.rules import text_of

    processes = (Mocked if world is Around.STUB else Processes)(NoCluster())
    unit_ms = SECOND_MS if histogram_unit is Unit.SECONDS else MILLISECOND_MS
    with exit_codes(RuleError, mal.BatchError):
        outcomes = mal.evaluate(
            text_of(rules),
            str(rules),
            mal.read_batches(text_of(samples).split("\n")),
            processes,
            unit_ms=unit_ms,
            clock=time.time if now is None else lambda: now,
        )
    found = {name: mal.outcome_json(each) for name, each in outcomes.items()}
    if output is Output.JSON:
        print(json.dumps({"metrics": found}, indent=2))  # noqa: T201
    else:
        import yaml

        print(yaml.safe_dump({"metrics": found}, sort_keys=False), end="")  # noqa: T201
