"""
What this system lets us measure, for `podwire doctor`.

In: /proc, /sys, and every hook tried for a moment.  Out: findings. Nothing stays attached.
What cannot be seen without more rights is said to be unseen, and why.
"""

import gzip
import os
import platform
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from podwire.capture.births import Births
from podwire.capture.hooks import (
    HOOKS,
    NO_TRACEFS,
    OBJECT,
    VMLINUX,
    Hook,
    Standing,
    has_tracefs,
    map_bytes,
    stand,
)
from podwire.capture.library import Unavailable, library, origin
from podwire.capture.tls.attach import try_probes
from podwire.capture.tls.link import Rung

TYPEDEF = 8

CAPABILITIES = {
    "CAP_BPF": (39, "everything"),
    "CAP_PERFMON": (38, "everything"),
    "CAP_SYS_PTRACE": (19, "programs of other users' processes: host rules, process.path, TLS"),
    "CAP_DAC_READ_SEARCH": (2, "libraries in folders of other users: TLS"),
}
SYS_ADMIN = 21
"""Holds BPF and PERFMON, too."""

BIRTHS = ("sched_process_exec", "new processes at once, not only when they are looked for")
PROBES = ("probes", "HTTP inside TLS")
"""Names, and what cannot be measured without them, of what is no hook."""

CONFIG = {
    "CONFIG_BPF_SYSCALL": "everything",
    "CONFIG_BPF_JIT": "everything",
    "CONFIG_BPF_EVENTS": "everything",
    "CONFIG_DEBUG_INFO_BTF": "everything",
    "CONFIG_HAVE_SYSCALL_TRACEPOINTS": "everything",
    "CONFIG_INET": "everything",
    "CONFIG_CGROUPS": "names of containers and units",
}
"""What a kernel must have been built with."""


class Result(StrEnum):
    """What was found."""

    OK = "ok"
    MISSING = "missing"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    result: Result
    what_for: str
    """What cannot be measured without it."""

    detail: str
    """What there is, or what gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Where to look; tests look elsewhere for what is missing."""

    object: Path = OBJECT
    vmlinux: Path = VMLINUX
    status: Path = Path("/proc/self/status")
    mounts: Path = Path("/proc/self/mountinfo")
    possible_cpus: Path = Path("/sys/devices/system/cpu/possible")
    stats: Path = Path("/proc/sys/kernel/bpf_stats_enabled")
    config: tuple[Path, ...] = (
        Path("/proc/config.gz"),
        Path(f"/boot/config-{platform.release()}"),
        Path(f"/lib/modules/{platform.release()}/config"),
    )
    stand: Callable[[], tuple[Standing, ...]] = stand
    map_bytes: Callable[[], int] = map_bytes
    births: Callable[[], Births] = Births
    try_probes: Callable[[], Rung] = try_probes


def probe(system: System | None = None) -> tuple[Finding, ...]:
    """Everything, in the order an operator would mend it."""
    system = system or System()
    found = [*_software(system), *_config(system), *_capabilities(system)]
    may_try = all(each.result is Result.OK for each in found if each.what_for == "everything")
    return (*found, *_limits(system), *_hooks(system, may_try=may_try))


def is_useless(findings: tuple[Finding, ...]) -> bool:
    """Whether nothing at all can be measured."""
    return any(each.result is not Result.OK and each.what_for == "everything" for each in findings)


def may_load(status: Path = Path("/proc/self/status")) -> bool:
    """Whether this process may load BPF programs."""
    return all(_is_held(status, CAPABILITIES[name][0]) for name in ("CAP_BPF", "CAP_PERFMON"))


def _finding(name: str, what_for: str, detail: str, *, ok: bool) -> Finding:
    return Finding(name, Result.OK if ok else Result.MISSING, what_for, detail)


def _software(system: System) -> Iterator[Finding]:
    kernel = f"{platform.release()} {platform.machine()}"
    is_known = platform.machine() == "x86_64"
    yield _finding("kernel", "everything", kernel, ok=is_known)
    has_btf = system.vmlinux.exists()
    detail = str(system.vmlinux) if has_btf else "boot a kernel with CONFIG_DEBUG_INFO_BTF"
    yield _finding("BTF", "everything", detail, ok=has_btf)
    is_built = system.object.exists()
    detail = system.object.name if is_built else "run: make bpf"
    yield _finding("BPF object", "everything", detail, ok=is_built)
    try:
        yield _finding("libbpf", "everything", origin(), ok=True)
    except Unavailable as error:
        yield _finding("libbpf", "everything", str(error), ok=False)


def _config(system: System) -> Iterator[Finding]:
    """Of the kernel's configuration, what is not as it must be."""
    said = next((text for path in system.config if (text := _read_config(path))), None)
    if said is None:
        detail = "neither /proc/config.gz nor /boot/config-* can be read"
        yield Finding("kernel configuration", Result.UNSEEN, "explanations", detail)
        return
    lacking = [name for name in CONFIG if f"{name}=y" not in said.splitlines()]
    for name in lacking:
        yield _finding(name, CONFIG[name], "build or boot a kernel that has it", ok=False)
    if not lacking:
        yield _finding("kernel configuration", "explanations", "nothing lacks", ok=True)


def _read_config(path: Path) -> str | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def _capabilities(system: System) -> Iterator[Finding]:
    for name, (bit, what_for) in CAPABILITIES.items():
        is_held = _is_held(system.status, bit)
        detail = "held" if is_held else "run as root, or grant it to the agent"
        yield _finding(name, what_for, detail, ok=is_held)


def _is_held(status: Path, bit: int) -> bool:
    lines = (line.split() for line in status.read_text().splitlines())
    effective = next(int(words[1], 16) for words in lines if words[0] == "CapEff:")
    stands_for = bit in (CAPABILITIES["CAP_BPF"][0], CAPABILITIES["CAP_PERFMON"][0])
    return bool(effective >> bit & 1 or (stands_for and effective >> SYS_ADMIN & 1))


def _limits(system: System) -> Iterator[Finding]:
    memlock, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    said = "unlimited" if memlock == resource.RLIM_INFINITY else f"{memlock} bytes"
    yield _finding("memlock", "maps, on kernels before 5.11", said, ok=True)
    what_for = "hooks that the kernel refuses on every other rung"
    yield _finding("tracefs", what_for, "mounted" if has_tracefs() else NO_TRACEFS, ok=True)
    cpus = system.possible_cpus.read_text().strip()
    yield _finding("CPUs", "counters of each", cpus, ok=True)
    yield _cgroup(system)
    is_readable = os.access(system.stats, os.R_OK)
    yield _finding("bpf_stats", "our own cost, in benchmarks", str(system.stats), ok=is_readable)


def _cgroup(system: System) -> Finding:
    """Mount lines end in ` - TYPE SOURCE OPTIONS`."""
    lines = system.mounts.read_text().splitlines()
    kinds = {line.partition(" - ")[2].partition(" ")[0] for line in lines}
    mounted = [kind for kind in ("cgroup2", "cgroup") if kind in kinds]
    name = {2: "version 1 beside 2", 1: f"version {'2' if 'cgroup2' in kinds else '1'}"}
    detail = name.get(len(mounted), "mount one at /sys/fs/cgroup")
    return _finding("cgroup", "names of containers and units", detail, ok=bool(mounted))


def _hooks(system: System, *, may_try: bool) -> Iterator[Finding]:
    if not may_try:
        yield from _hooks_unseen(system)
        return
    for each in system.stand():
        detail = f"on {each.rung}" + (f", because {each.why}" if each.rung and each.why else "")
        yield _finding(
            each.hook.place,
            each.hook.gives,
            detail if each.rung else each.why,
            ok=each.rung is not None,
        )
    yield _births(system)
    yield _probes(system)
    size = f"{system.map_bytes() / 1e6:.1f} MB before the first connection"
    yield _finding("map memory", "everything", size, ok=True)


def _births(system: System) -> Finding:
    try:
        system.births().close()
    except Unavailable as error:
        return _finding(*BIRTHS, str(error), ok=False)
    return _finding(*BIRTHS, "on raw_tp", ok=True)


def _probes(system: System) -> Finding:
    try:
        rung = system.try_probes()
    except Unavailable as error:
        return _finding(*PROBES, str(error), ok=False)
    return _finding(*PROBES, f"on {rung}", ok=True)


def _hooks_unseen(system: System) -> Iterator[Finding]:
    """Without the right to try them: what the kernel's types say of the tracepoints."""
    detail = "not tried: that needs what is missing above"
    for hook in HOOKS:
        if system.vmlinux.exists() and not _is_known(hook):
            yield _finding(hook.place, hook.gives, "this kernel has no such tracepoint", ok=False)
        else:
            yield Finding(hook.place, Result.UNSEEN, hook.gives, detail)
    for name, what_for in (BIRTHS, PROBES, ("map memory", "everything")):
        yield Finding(name, Result.UNSEEN, what_for, detail)


def _is_known(hook: Hook) -> bool:
    if hook.section.startswith("iter/"):
        return True
    try:
        kernel = library().btf__load_vmlinux_btf()
    except Unavailable:
        return True
    if not kernel:
        return True
    name = f"btf_trace_{hook.place}".encode()
    found: int = library().btf__find_by_name_kind(kernel, name, TYPEDEF)
    library().btf__free(kernel)
    return found >= 0
