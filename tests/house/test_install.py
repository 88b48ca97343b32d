"""An agent's machine holds nothing of the backend."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
BACKEND = {"chdb", "clickhouse_connect", "ariadne", "graphql", "starlette", "uvicorn", "pandas"}


def test_running_an_agent_imports_nothing_of_the_backend() -> None:
    """Neither its libraries nor its stations."""
    code = "import sys, podwire.cli.main, podwire.app.agent; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    loaded = set(done.stdout.split())
    stations = {f"podwire.{name}" for name in ("mal", "storage", "query", "receiver")}
    assert set() == loaded & (BACKEND | stations)


def test_the_extra_for_agents_names_no_library_of_the_backend() -> None:
    """`pip install podwire[agent]` pulls what it runs and no more."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [*project["dependencies"], *project["optional-dependencies"]["agent"]]

    wanted = {name.split(">")[0].replace("-", "_") for name in names}
    assert set() == wanted & (BACKEND | {"chdb_core_lite"})
