"""
The agent in a process that never held a command line.

In: what the command line said.  Out: a running agent in the place of this process; its exit code.
The libraries that read options take twelve megabytes, which an agent would keep for as long as it
runs; and the C library looks at its limits only when a process starts.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NoReturn

UNUSABLE = 2
"""Exit code: the operator must change something first."""

ENVIRONMENT: Mapping[str, str] = {
    "MALLOC_TRIM_THRESHOLD_": str(128 * 1024),  # else a report's megabytes stay after it is sent
    "OPENBLAS_NUM_THREADS": "1",  # else NumPy starts a thread a CPU, for algebra we have none of
}
"""What a process is told when it starts; where the operator said otherwise, that holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was said on the command line."""

    backend: str | None = None
    config: str | None = None
    status: str | None = None
    verbose: bool = False


def become_agent(options: Options) -> NoReturn:
    """Go on as the agent, under the same pid."""
    words = [sys.executable, "-P", "-m", __name__, "agent", json.dumps(asdict(options))]
    sys.stderr.flush()
    os.execve(sys.executable, words, {**ENVIRONMENT, **os.environ})  # noqa: S606 - no shell


def main(options: Options) -> int:
    """Run the agent until a signal; the exit code."""
    from podwire.app import agent
    from podwire.app.lifetime import log_to_stderr, run
    from podwire.app.settings import ConfigError, load, with_processes
    from podwire.capture import Unavailable

    log_to_stderr(verbose=options.verbose)
    try:
        settings = with_processes(load(_path(options.config)).agent)
        settings = replace(settings, backend=options.backend or settings.backend)
        run(agent.run(settings, status=_path(options.status)))
    except (ConfigError, Unavailable) as error:
        print(f"podwire: {error}", file=sys.stderr)  # noqa: T201
        return UNUSABLE
    return 0


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


if __name__ == "__main__":
    sys.exit(main(Options(**json.loads(sys.argv[2]))))
