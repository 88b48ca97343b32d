"""The house keeps its rules."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_written_file_is_over_600_lines() -> None:
    """A longer file is a design question, not a file."""
    suffixes = {".py", ".c", ".h", ".ts", ".vue", ".yaml", ".graphql", ".proto"}
    skipped = {".venv", "node_modules", "gen", "page", ".output"}
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.rglob("*")
        if path.suffix in suffixes and not skipped & set(path.relative_to(ROOT).parts)
        if (lines := len(path.read_text().splitlines())) > 600
    }

    assert {} == long


def test_no_folder_is_a_drawer() -> None:
    """Names that say nothing about what is inside do not exist here."""
    drawers = {"util", "utils", "common", "helper", "helpers", "core", "manager", "base", "misc"}
    found = {path.name for path in (ROOT / "src").rglob("*") if path.stem in drawers}

    assert set() == found
