"""
Host mode: processes by rules over /proc, for laptops and machines without Kubernetes.

In: /proc and the operator's rules.  Out: `model.Process`, the first matching rule naming each.
A rule without any pattern matches nothing: watching a whole host is never an accident.
"""

import asyncio
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from podwire.discovery.proc import Life, Proc
from podwire.model.process import DetectType, Entity, Process


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRule:
    """
    Which processes belong to an instance, and what they are called.

    All patterns that are given must be found (regular expressions, unanchored). Names may hold
    `{exe}` (file name of the executable), `{pid}`, `{unit}` (systemd unit or last cgroup segment)
    and `{hostname}`.
    """

    service: str
    instance: str = "{hostname}"
    process: str = "{exe}"
    layer: str = "OS_LINUX"
    labels: tuple[str, ...] = ()
    executable: re.Pattern[str] | None = None
    command_line: re.Pattern[str] | None = None
    cgroup: re.Pattern[str] | None = None
    unit: str | None = None
    """A systemd unit, e.g. `nginx.service`, exactly."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What /proc says of one process."""

    life: Life
    executable: str
    command_line: str
    cgroup: str

    @property
    def unit(self) -> str:
        units = [part for part in self.cgroup.split("/") if part.endswith((".service", ".scope"))]
        return units[-1] if units else self.cgroup.rpartition("/")[2]


class Host:
    """Scans the host; processes that nobody asked for cost two small reads each."""

    def __init__(self, rules: Sequence[HostRule], *, proc: Path = Path("/proc")) -> None:
        self._rules = tuple(rules)
        self._root = proc
        self._proc = Proc(proc)
        self._seen: dict[Life, Process | None] = {}

    def scan(self) -> list[Process]:
        """
        Every process that a rule matches, now.

        A process is looked at again only when its command line could still change: what matched
        once keeps its names, what did not match is asked anew (it may have called exec since).
        """
        own = os.getpid()
        lives = [self._proc.life_or_none(pid) for pid in self._proc.pids() if pid != own]
        self._seen = {life: self._seen.get(life) or self._match(life) for life in lives if life}
        return [process for process in self._seen.values() if process]

    async def wait(self, timeout_s: float) -> None:
        """Nothing tells of processes here: the time, whole."""
        await asyncio.sleep(timeout_s)

    def _match(self, life: Life) -> Process | None:
        facts = self._facts(life)
        if facts is None:
            return None
        for rule in self._rules:
            if _is_match(rule, facts):
                return _process(rule, facts)
        return None

    def _facts(self, life: Life) -> _Facts | None:
        executable = self._proc.path(life.pid).removesuffix(" (deleted)")
        cgroup = _cgroup_path(self._proc.cgroup(life.pid))
        try:
            words = (self._root / str(life.pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        command_line = b" ".join(word for word in words if word).decode(errors="replace")
        return _Facts(life, executable, command_line, cgroup) if executable else None


def _cgroup_path(text: str) -> str:
    """The longest path of all hierarchies: the others are roots or copies of it."""
    lines = (line.split(":", 2) for line in text.splitlines())
    return max((parts[2] for parts in lines if len(parts) == 3), key=len, default="")


def _is_match(rule: HostRule, facts: _Facts) -> bool:
    patterns = (
        (rule.executable, facts.executable),
        (rule.command_line, facts.command_line),
        (rule.cgroup, facts.cgroup),
    )
    given = [(pattern, text) for pattern, text in patterns if pattern is not None]
    if not given and rule.unit is None:
        return False
    return all(pattern.search(text) for pattern, text in given) and rule.unit in (None, facts.unit)


def _process(rule: HostRule, facts: _Facts) -> Process:
    words = {
        "exe": Path(facts.executable).name,
        "pid": facts.life.pid,
        "unit": facts.unit,
        "hostname": socket.gethostname(),
    }
    return Process(
        pid=facts.life.pid,
        start_ticks=facts.life.start_ticks,
        entity=Entity(
            layer=rule.layer,
            service=rule.service.format(**words),
            instance=rule.instance.format(**words),
            process=rule.process.format(**words),
            labels=rule.labels,
        ),
        detect_type=DetectType.VM,
        properties=(
            ("host_ip", host_ip()),
            ("pid", str(facts.life.pid)),
            ("command_line", facts.command_line),
            ("support_ebpf_profiling", "false"),
        ),
    )


def host_ip() -> str:
    """The address that routes outward; loopback when there is no route. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
