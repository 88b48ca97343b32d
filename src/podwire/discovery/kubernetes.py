"""
Kubernetes mode: which pods' processes run on this node, and what they report as.

In: /proc, the control groups in it, the node's pods, and news of processes.  Out: `model.Process`.
Only what is new is looked at; a full look comes now and then, and whenever news were lost. What the
cluster changes later (labels, services, a container's id) renames what runs already.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from podwire.discovery import analyzer
from podwire.discovery.analyzer import Analyzer
from podwire.discovery.cgroup import Place, place_of
from podwire.discovery.proc import Facts, Life, Proc
from podwire.discovery.template import Subject
from podwire.model.cluster import Container, Pod
from podwire.model.process import DetectType, Entity, Process

FULL_LOOK_S = 30.0
"""How often everything is looked at, though news tell of every start and end."""

TOGETHER_S = 0.02
"""How long after the first news the look waits for more of them."""

PAUSE = "pause"
"""The program that only holds a pod's network: it is in no container that the API knows."""


class Pods(Protocol):
    """The node's pods; `kube.NodePods` is one."""

    @property
    def epoch(self) -> int:
        """Grows with every change."""

    def container_or_none(self, container_id: str) -> tuple[Pod, Container] | None:
        """The container of an id, with its pod."""

    def pod_or_none(self, uid: str) -> Pod | None:
        """The pod of a uid."""

    def service_of(self, pod: Pod) -> str:
        """The service a pod reports as; empty when none selects it."""


class Wire(Protocol):
    """Tells of processes; `capture.Births` is one."""

    def fileno(self) -> int:
        """Readable when there are news."""

    def take(self) -> tuple[frozenset[int], bool]:
        """
        Processes that began, became another program or ended since the last call, and whether
        others did so that it could not tell of.
        """


@dataclass(frozen=True, slots=True)
class Here:
    """What every name may say of this machine."""

    host: str
    host_ip: str
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """A process in a container, as it was read."""

    facts: Facts
    place: Place
    processes: tuple[Process, ...] | None = None
    """What it reports as, once it was named."""


class Cluster:
    """The processes of the node's pods; satisfies `agent.Scanner`."""

    def __init__(
        self,
        pods: Pods,
        here: Here,
        analyzers: Sequence[Analyzer] = analyzer.DEFAULTS,
        *,
        wire: Wire | None = None,
        proc: Proc | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pods = pods
        self._here = here
        self._analyzers = tuple(analyzers)
        self._wire = wire
        self._proc = proc or Proc()
        self._clock = clock
        self._known: dict[int, _Known] = {}
        self._epoch = -1
        self._full_look_s = 0.0
        self._changed = asyncio.Event()

    def scan(self) -> list[Process]:
        """Every process of every pod that an analyzer names, now."""
        pids, is_lossy = self._wire.take() if self._wire else (frozenset[int](), True)
        self._look_at(pids, is_news=True)
        now_s = self._clock()
        if is_lossy or now_s >= self._full_look_s:
            self._full_look_s = now_s + FULL_LOOK_S
            self._look_at_all()
        self._name()
        return [process for known in self._known.values() for process in known.processes or ()]

    def poke(self) -> None:
        """The cluster has changed: whoever waits looks now."""
        self._changed.set()

    async def wait(self, timeout_s: float) -> None:
        """Return when there is something to look at, or after the time."""
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heard(), timeout_s)
                await asyncio.sleep(TOGETHER_S)
        finally:
            self._changed.clear()

    async def _heard(self) -> None:
        """Until the first news: the file stays readable, and must not be listened to longer."""
        if self._wire is None:
            await self._changed.wait()
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(self._wire.fileno(), self._changed.set)
        try:
            await self._changed.wait()
        finally:
            loop.remove_reader(self._wire.fileno())

    def _look_at_all(self) -> None:
        pids = self._proc.pids()
        for pid in self._known.keys() - set(pids):
            del self._known[pid]
        self._look_at(pids, is_news=False)

    def _look_at(self, pids: Iterable[int], *, is_news: bool) -> None:
        for pid in pids:
            life = self._proc.life_or_none(pid)
            known = self._known.pop(pid, None)
            if life is None:
                continue
            if known and not is_news and self._is_same(known, life):
                self._known[pid] = known
            elif fresh := self._read(life):
                is_unchanged = known is not None and known.facts == fresh.facts
                self._known[pid] = known if known and is_unchanged else fresh

    def _is_same(self, known: _Known, life: Life) -> bool:
        """Whether it is still the process and the program that was read."""
        path = self._proc.path(life.pid).removesuffix(" (deleted)")
        return known.facts.life == life and known.facts.path == path

    def _read(self, life: Life) -> _Known | None:
        place = place_of(self._proc.cgroup(life.pid))
        facts = self._proc.facts_or_none(life) if place else None
        return _Known(facts, place) if facts and place else None

    def _name(self) -> None:
        """Name what is new; everything when the cluster has changed."""
        epoch = self._pods.epoch
        for pid, known in self._known.items():
            if epoch != self._epoch or known.processes is None:
                self._known[pid] = replace(known, processes=tuple(self._processes(known)))
        self._epoch = epoch

    def _processes(self, known: _Known) -> Iterator[Process]:
        if subject := self._subject(known):
            for entity in analyzer.entities(subject, self._analyzers):
                yield _process(subject, known.facts, entity)

    def _subject(self, known: _Known) -> Subject | None:
        found = self._container(known)
        if found is None:
            return None
        pod, container = found
        facts = known.facts
        return Subject(
            pod=pod,
            container=container,
            service=self._pods.service_of(pod),
            executable=facts.name,
            path=facts.path,
            command_line=facts.command_line,
            pid=facts.life.pid,
            host=self._here.host,
            host_ip=self._here.host_ip,
            cluster=self._here.cluster,
        )

    def _container(self, known: _Known) -> tuple[Pod, Container | None] | None:
        for container_id in known.place.container_ids:
            if found := self._pods.container_or_none(container_id):
                return found
        pod = self._pods.pod_or_none(known.place.pod_uid)
        if pod is None or known.facts.name == PAUSE or not (unmade := _unmade(pod)):
            return None
        return pod, unmade[0] if len(pod.containers) == 1 else None


def _unmade(pod: Pod) -> list[Container]:
    """Containers that the API gives no id for: the kubelet tells it a second after the start."""
    return [container for container in pod.containers if not container.container_id]


def _process(subject: Subject, facts: Facts, entity: Entity) -> Process:
    return Process(
        pid=facts.life.pid,
        start_ticks=facts.life.start_ticks,
        entity=entity,
        detect_type=DetectType.KUBERNETES,
        properties=tuple(_properties(subject)),
    )


def _properties(subject: Subject) -> Iterator[tuple[str, str]]:
    """In the order that readers of the wire know (contract 1.1)."""
    yield "host_ip", subject.host_ip
    yield "container_ip", next(iter(subject.pod.addresses), "")
    yield "container_name", subject.container.name if subject.container else ""
    yield "pod_name", subject.pod.name
    yield "pid", str(subject.pid)
    yield "command_line", subject.command_line
    yield "support_ebpf_profiling", "false"
