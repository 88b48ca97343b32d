"""The command line, one file per command."""

from podwire.cli.main import main

__all__ = ["main"]
