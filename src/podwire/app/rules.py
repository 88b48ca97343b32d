"""
Which MAL rules the backend follows: files chosen by name.

In: settings.  Out: loaded rule files; one that is missing or wrong stops the start.
"""

from collections.abc import Sequence
from pathlib import Path

from podwire.app.settings import BackendSettings, ConfigError
from podwire.mal import RuleFile, load

PACKAGE = Path(__file__).parents[1]


def shipped() -> Path:
    """The folder of shipped rules: in the package, or beside `src` in a checkout."""
    packed = PACKAGE / "rules"
    return packed if packed.is_dir() else PACKAGE.parents[1] / "rules"


def active(settings: BackendSettings) -> Sequence[RuleFile]:
    """Every active rule file. Raises `ConfigError` for a name without a file, `RuleError` else."""
    folder = settings.rules or shipped()
    return [load(_file(folder, name)) for name in settings.active_rules]


def _file(folder: Path, name: str) -> Path:
    for suffix in (".yaml", ".yml"):
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    there = ", ".join(sorted(path.stem for path in folder.glob("*.y*ml"))) or "none"
    raise ConfigError(f"there is no rule file {name!r} in {folder}; there are: {there}")
