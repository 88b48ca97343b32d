"""The `podwire` program: one Typer application, one file per command."""

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Kubernetes network monitoring.")


@app.callback()
def podwire() -> None:
    """Watch who a pod talks to, over what, how fast, and what fails."""


def main() -> None:
    """Run the command line."""
    app()
