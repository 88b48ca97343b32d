"""
What this system lets us measure, for `podwire doctor`.

In: /proc, /sys, the kernel's BTF.  Out: findings. Nothing is attached and nothing is changed.
"""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from podwire.capture.hooks import OBJECT
from podwire.capture.kernel import VMLINUX
from podwire.capture.library import Unavailable, library, text

TYPEDEF = 8
STATUS = Path("/proc/self/status")
STATS = Path("/proc/sys/kernel/bpf_stats_enabled")

CAPABILITIES = {
    "CAP_BPF": (39, "everything"),
    "CAP_PERFMON": (38, "everything"),
    "CAP_SYS_PTRACE": (19, "finding processes of other users"),
    "CAP_DAC_READ_SEARCH": (2, "finding processes of other users"),
}

HOOKS = {
    "sys_enter": "execution times, connect, close",
    "sys_exit": "everything",
    "inet_sock_set_state": "non-blocking connects, pairs of processes",
    "tcp_destroy_sock": "retransmits at the end of a connection, bounded memory",
    "tcp_retransmit_skb": "retransmits as they happen",
    "kfree_skb": "drops",
    "sched_process_fork": "children of watched processes",
    "sched_process_exit": "children of watched processes",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    what_for: str
    """The metrics that need it."""

    detail: str


def probe() -> tuple[Finding, ...]:
    """Everything, in the order an operator would mend it."""
    return (*_system(), *_capabilities(), *_hooks())


def _system() -> Iterator[Finding]:
    kernel = platform.release()
    yield Finding("kernel", ok=True, what_for="everything", detail=kernel)
    yield Finding("BTF", VMLINUX.exists(), "everything", str(VMLINUX))
    yield Finding("BPF objects", OBJECT.exists(), "everything", "made by: make bpf")
    try:
        version = text(library().libbpf_version_string())
        yield Finding("libbpf", ok=True, what_for="everything", detail=version)
    except Unavailable as error:
        yield Finding("libbpf", ok=False, what_for="everything", detail=str(error))
    cpus = Path("/sys/devices/system/cpu/possible").read_text().strip()
    yield Finding("CPUs", ok=True, what_for="loss counters", detail=cpus)
    is_readable = os.access(STATS, os.R_OK)
    yield Finding("bpf_stats", is_readable, "our own cost, in benchmarks", str(STATS))


def _capabilities() -> Iterator[Finding]:
    effective = next(
        int(line.split()[1], 16)
        for line in STATUS.read_text().splitlines()
        if line.startswith("CapEff")
    )
    for name, (bit, what_for) in CAPABILITIES.items():
        has = bool(effective >> bit & 1)
        yield Finding(name, has, what_for, "held" if has else "run as root or grant it")


def _hooks() -> Iterator[Finding]:
    try:
        kernel = library().btf__load_vmlinux_btf()
    except Unavailable:
        return
    if not kernel:
        return
    for name, what_for in HOOKS.items():
        found = library().btf__find_by_name_kind(kernel, f"btf_trace_{name}".encode(), TYPEDEF)
        yield Finding(f"tp_btf/{name}", found >= 0, what_for, "tracepoint of this kernel")
    library().btf__free(kernel)
