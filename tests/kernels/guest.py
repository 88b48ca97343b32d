"""
What is looked at in a guest: every hook, and a few cases of the exactness table.

In: the kernel that we run on.  Out: JSON, written anew after each step, so that a guest that does
not come to its end has said how far it came.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from exact import house
from exact.cases import ALL
from podwire.capture.births import Births
from podwire.capture.hooks import Programs, Standing, build_here, stand
from podwire.capture.library import Unavailable, library, text
from podwire.capture.tls.attach import Probes

CASES = (
    "connection older than the task, 10 requests",
    "keep-alive, 60 requests, 40x200 10x404 10x500",
    "3 x 1 MB down by sendfile",
    "pipelined, 5 x 4",
    "IPv6",
    "chunked answers in many sizes",
    "reset in the middle of an answer",
    "10 refused connects",
    "connects that do not wait",
    "requests by sendmmsg, 5 x 3",
    "10 % loss client to server, 60 requests",
    "TLS inside: nginx, Python client, keep",
)
"""What kernels do in different ways: who is first, how bytes move, how connections end."""


def hooks(standings: Sequence[Standing]) -> list[dict[str, str]]:
    """Where each program hangs."""
    found = [
        {
            "program": each.hook.program,
            "place": each.hook.place,
            "gives": each.hook.gives,
            "rung": each.rung or "",
            "why": each.why,
        }
        for each in standings
    ]
    births = {"program": "news", "place": "sched_process_exec", "gives": "new processes at once"}
    tls = {"program": "tls_*", "place": "TLS libraries", "gives": "what crosses TLS"}
    return [*found, births | tried(hang_births), tls | tried(hang_probes)]


def hang_births() -> str:
    Births().close()
    return "raw_tp"


def hang_probes() -> str:
    """The maps of the other object are needed, as a task has them."""
    programs = Programs({}, path=build_here())
    fd_of = library().bpf_object__find_map_fd_by_name
    try:
        probes = Probes(lambda name: int(fd_of(programs.object, name.encode())), {})
        probes.close()
        return str(probes.rung)
    finally:
        programs.close()


def tried(hang: Callable[[], str]) -> dict[str, str]:
    """On which rung it hangs, or why not."""
    try:
        return {"rung": hang(), "why": ""}
    except (Unavailable, OSError) as error:
        return {"rung": "", "why": str(error)}


INSIDE = "TLS inside"
"""How the cases begin that need probes of TLS libraries."""

PATIENCE_S = 90.0
"""How long a case waits for what takes an instant on a real processor."""


def play(name: str) -> Mapping[str, Any]:
    """One case: how many quantities there are, and those that are not as they are in truth."""
    known = {each.name: each for each in ALL}
    start_s = time.monotonic()
    try:
        rows = known[name].rows()
    except Exception as error:  # noqa: BLE001 the other cases are played all the same
        return {"name": name, "error": f"{type(error).__name__}: {error}"[:300]}
    wrong = [
        {"quantity": each.quantity, "truth": str(each.truth), "podwire": str(each.podwire)}
        for each in (row.finding for row in rows)
        if not each.is_right
    ]
    seconds = round(time.monotonic() - start_s, 1)
    return {"name": name, "quantities": len(rows), "wrong": wrong, "seconds": seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--hooks-only", action="store_true")
    parser.add_argument("words", nargs="*")
    asked = parser.parse_args(arguments)
    house.patience_s = PATIENCE_S
    standings = stand()
    found: dict[str, Any] = {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "libbpf": text(library().libbpf_version_string()),
        "hooks": hooks(standings),
        "cases": [],
    }
    names = [each for each in CASES if not asked.words or any(word in each for word in asked.words)]
    with patch("podwire.capture.kernel.stand", return_value=standings):  # the kernel is the same
        for name in () if asked.hooks_only else names:
            asked.file.write_text(json.dumps(found))
            is_absent = name.startswith(INSIDE) and not found["hooks"][-1]["rung"]
            found["cases"].append({"name": name, "is_absent": True} if is_absent else play(name))
            print(json.dumps(found["cases"][-1]), flush=True)
    asked.file.write_text(json.dumps({**found, "is_whole": True}))


if __name__ == "__main__":
    main()
