"""
Which rules the backend follows: MAL files chosen by name, and the one for logs.

In: settings.  Out: loaded rules; a file that is missing or wrong stops the start.
"""

from collections.abc import Sequence
from pathlib import Path

import yaml

from podwire.app.settings import BackendSettings, ConfigError
from podwire.mal import RuleFile, load
from podwire.model.layer import is_layer
from podwire.receiver.log import LogRule

PACKAGE = Path(__file__).parents[1]


def shipped() -> Path:
    """The folder of shipped rules: in the package, or beside `src` in a checkout."""
    packed = PACKAGE / "rules"
    return packed if packed.is_dir() else PACKAGE.parents[1] / "rules"


def active(settings: BackendSettings) -> Sequence[RuleFile]:
    """Every active rule file. Raises `ConfigError` for a name without a file, `RuleError` else."""
    return [load(path) for path in paths(settings)]


def paths(settings: BackendSettings) -> Sequence[Path]:
    """Every active rule file, or all in a folder of that name. Raises `ConfigError`."""
    folder = settings.rules or shipped()
    return [path for name in settings.active_rules for path in _files(folder, name)]


def _files(folder: Path, name: str) -> Sequence[Path]:
    for suffix in (".yaml", ".yml"):
        if (folder / f"{name}{suffix}").is_file():
            return [folder / f"{name}{suffix}"]
    if (folder / name).is_dir() and (found := sorted((folder / name).rglob("*.y*ml"))):
        return found
    there = ", ".join(sorted(path.stem for path in folder.glob("*.y*ml"))) or "none"
    raise ConfigError(f"there is no rule file {name!r} in {folder}; there are: {there}")


LOG_RULE = "log/sampled-request.yaml"


def log_rule(settings: BackendSettings) -> LogRule:
    """Which logs are sampled requests and what they are called. Raises `ConfigError`."""
    path = settings.log_rule or shipped() / LOG_RULE
    try:
        content = yaml.safe_load(path.read_text())
        rule = LogRule(frozenset(content["layers"]), content["name"])
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} must say `layers` (a list) and `name` (text)") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    wrong = sorted(layer for layer in rule.layers if not is_layer(str(layer)))
    if wrong:
        raise ConfigError(f"{path}: {wrong[0]!r} is no layer")
    return rule
