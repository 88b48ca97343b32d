"""
`podwire doctor` says what there is, what is missing, and what it could not see.

The program is run for real, with and without rights; what no system here lacks is put elsewhere.
"""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from podwire.capture import Unavailable
from podwire.capture.hooks import HOOKS, Rung, Standing
from podwire.capture.probe import Finding, Result, System, is_useless, probe

pytestmark = pytest.mark.root
DOCTOR = [sys.executable, "-m", "podwire.cli", "doctor", "--output", "json"]
MAY_READ = "-all,+dac_read_search"  # Python and podwire may be installed under /root
LEAST = f"{MAY_READ},+bpf,+perfmon"


def nobody(capabilities: str) -> list[str]:
    """A prefix that makes a program run as nobody with these capabilities and no others."""
    return [
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        *(f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}"),
    ]


def doctor(*prefix: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code, rows by check, and standard error."""
    done = subprocess.run([*prefix, *DOCTOR], capture_output=True, text=True, timeout=60)
    return done.returncode, {row["check"]: row for row in json.loads(done.stdout)}, done.stderr


def found(system: System, name: str) -> Finding:
    """One finding of a system."""
    (finding,) = (each for each in probe(system) if each.name == name)
    return finding


def test_every_hook_is_named_with_its_rung_and_its_metrics() -> None:
    """As root on this kernel all are tried, stand on the best rung, and the exit code is 0."""
    done = subprocess.run(DOCTOR, capture_output=True, text=True, timeout=60)
    rows = json.loads(done.stdout)

    assert 0 == done.returncode
    told = {(row["check"], row["result"], row["needed_for"], row["detail"]) for row in rows}
    for hook in HOOKS:
        assert (hook.place, "ok", hook.gives, f"on {hook.ladder[0]}") in told
    (memory,) = (row["detail"] for row in rows if row["check"] == "map memory")
    assert float(memory.split()[0]) > 1


def test_without_rights_it_says_what_it_could_not_see() -> None:
    """No hook is claimed to be there or missing; the exit code says that nothing can be done."""
    code, rows, message = doctor(*nobody(MAY_READ))

    assert 2 == code
    assert 1 == len(message.splitlines())
    untried = {"sched_process_exec", "probes", "map memory", *(hook.place for hook in HOOKS)}
    assert {"unseen"} == {rows[each]["result"] for each in untried}
    assert "missing" == rows["CAP_BPF"]["result"] == rows["CAP_PERFMON"]["result"]


def test_two_capabilities_are_enough_for_every_hook() -> None:
    """Root is not needed; what only helps to find processes is named as missing."""
    code, rows, _ = doctor(*nobody(LEAST))

    assert 1 == code
    assert {"ok"} == {rows[hook.place]["result"] for hook in HOOKS}
    assert "missing" == rows["CAP_SYS_PTRACE"]["result"]
    assert "other users" in rows["CAP_SYS_PTRACE"]["needed_for"]


def test_yaml_and_table_say_the_same() -> None:
    """Every check of the table is a row of the YAML."""
    outputs = {
        kind: subprocess.run([*DOCTOR[:-1], kind], capture_output=True, text=True).stdout
        for kind in ("yaml", "table")
    }

    for row in yaml.safe_load(outputs["yaml"]):
        assert any(line.startswith(row["check"]) for line in outputs["table"].splitlines())


def refused(*programs: str) -> Callable[[], tuple[Standing, ...]]:
    """Hooks of which the kernel refuses some."""
    return lambda: tuple(
        Standing(hook, None, "no such place")
        if hook.program in programs
        else Standing(hook, hook.ladder[0])
        for hook in HOOKS
    )


def test_a_refused_hook_is_named_with_what_is_missing() -> None:
    """Only its own metrics are missing, so not everything is useless."""
    system = System(stand=refused("drop"))

    assert Result.MISSING is found(system, "kfree_skb").result
    assert ("drops", "no such place") == (
        found(system, "kfree_skb").what_for,
        found(system, "kfree_skb").detail,
    )
    assert not is_useless(probe(system))
    assert is_useless(probe(System(stand=refused("enter"))))


def test_a_lower_rung_says_why() -> None:
    """The hook is there; the reason for not being on the best rung is told."""
    drop = next(hook for hook in HOOKS if hook.program == "drop")
    system = System(stand=lambda: (Standing(drop, Rung.RAW_TP, "no types"),))

    assert "on raw_tp, because no types" == found(system, "kfree_skb").detail


def test_a_kernel_without_types_is_told_what_to_build(tmp_path: Path) -> None:
    """Without BTF nothing is tried."""
    system = System(vmlinux=tmp_path / "none")

    assert "CONFIG_DEBUG_INFO_BTF" in found(system, "BTF").detail
    assert Result.UNSEEN is found(system, "kfree_skb").result


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_options_of_the_kernel_that_are_not_set_are_named(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """Each with what needs it; the others are not listed."""
    path = tmp_path / ("config.gz" if pack is gzip.compress else "config")
    path.write_bytes(pack(b"CONFIG_BPF_SYSCALL=y\n# CONFIG_BPF_JIT is not set\n"))
    names = {each.name for each in probe(System(config=(path,)))}

    assert "CONFIG_BPF_JIT" in names
    assert "CONFIG_BPF_SYSCALL" not in names


def test_an_unreadable_configuration_is_unseen(tmp_path: Path) -> None:
    """It explains things; nothing needs it."""
    system = System(config=(tmp_path / "none",))

    assert Result.UNSEEN is found(system, "kernel configuration").result
    assert not is_useless(probe(system))


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("cgroup2",), "version 2"),
        (("cgroup",), "version 1"),
        (("cgroup", "cgroup2"), "version 1 beside 2"),
        ((), "mount one at /sys/fs/cgroup"),
    ],
)
def test_the_version_of_cgroups_is_told(
    tmp_path: Path, kinds: tuple[str, ...], expected: str
) -> None:
    """By what is mounted."""
    lines = (f"30 25 0:27 / /sys/fs/cgroup rw shared:4 - {kind} none rw" for kind in kinds)
    (tmp_path / "mounts").write_text("\n".join(lines))

    assert expected == found(System(mounts=tmp_path / "mounts"), "cgroup").detail


def test_news_of_processes_are_optional() -> None:
    """Without them processes are still found, later."""

    def births() -> Any:
        raise Unavailable("the kernel tells nothing of new processes")

    system = System(births=births)

    assert Result.MISSING is found(system, "sched_process_exec").result
    assert not is_useless(probe(system))
