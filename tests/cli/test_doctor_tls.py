"""`podwire doctor tls`, run for real on real programs."""

import json
import subprocess
import sys
from typing import Any

from capture.tls.program import running, static_openssl, stripped_openssl

DOCTOR = [sys.executable, "-m", "podwire.cli", "doctor", "tls", "--output", "json"]


def doctor(*pids: int) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, rows, and standard error."""
    chosen = [word for pid in pids for word in ("--pid", str(pid))]
    done = subprocess.run([*DOCTOR, *chosen], capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_what_can_be_read_is_said_with_its_functions() -> None:
    """And the exit code is that of a system where all is well."""
    with running(static_openssl()) as pid:
        code, (row,), _ = doctor(pid)
    assert (0, pid, "static", "yes") == (code, row["pid"], row["process"], row["readable"])
    assert {"SSL_read", "SSL_write_ex"} <= set(row["functions"])


def test_what_cannot_be_read_is_said_with_a_reason_and_a_remedy() -> None:
    """Beside what can."""
    with running(static_openssl()) as one, running(stripped_openssl()) as other:
        code, rows, said = doctor(one, other)
    assert 1 == code
    assert ["yes", "no"] == [row["readable"] for row in rows]
    assert "stripped" == rows[1]["reason"]
    assert "stripped of its symbols" in rows[1]["why"]
    assert "without stripping" in rows[1]["remedy"]
    assert "cannot be read" in said


def test_a_process_that_is_not_there_is_named() -> None:
    """Nothing was found out, so the exit code is another."""
    code, rows, said = doctor(2**22 + 1)
    assert (2, []) == (code, rows)
    assert f"no process {2**22 + 1}" in said


def test_without_a_pid_every_process_is_looked_into() -> None:
    """Among them one that speaks TLS."""
    with running(static_openssl()) as pid:
        _, rows, _ = doctor()
    assert pid in [row["pid"] for row in rows]
