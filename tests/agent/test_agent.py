"""The agent runs a task from the first poll to the last window."""

import asyncio
import dataclasses
from collections.abc import Collection as Pids
from collections.abc import Mapping, Sequence

import pytest

from podwire.agent.agent import Agent
from podwire.agent.sample.sampler import Sample
from podwire.agent.settings import AgentSettings
from podwire.agent.source import FlowSource
from podwire.agent.uplink import Unreachable, Uplink
from podwire.model.exchange import Exchange, Recording, RecordPolicy
from podwire.model.flow import (
    Flow,
    FlowKey,
    Listener,
    Operation,
    Peer,
    Protocol,
    Role,
    Unmeasured,
)
from podwire.model.meter import Collection, Single
from podwire.model.process import DetectType, Entity, Process
from podwire.model.task import NetworkTask, SamplingRule, SamplingSettings
from podwire.model.tls import Library
from podwire.wire.task import Order

FAST = AgentSettings(
    scan_interval_s=0.1, heartbeat_interval_s=0.1, poll_interval_s=0.1, report_interval_s=0.1
)
NOW_MS = 1_000_000
PATIENCE_S = 30
"""Only for what would never come: how soon it comes is no promise of these tests."""


def process(pid: int, name: str, *, start_ticks: int = 1, instance: str = "pod") -> Process:
    """A process of an instance of the one service."""
    entity = Entity(layer="OS_LINUX", service="shop", instance=instance, process=name)
    return Process(pid=pid, start_ticks=start_ticks, entity=entity, detect_type=DetectType.VM)


class Host:
    """A scanner whose processes the test chooses."""

    def __init__(self, *processes: Process) -> None:
        self.processes = list(processes)

    def scan(self) -> Sequence[Process]:
        return list(self.processes)

    async def wait(self, timeout_s: float) -> None:
        await asyncio.sleep(timeout_s)


class Kernel:
    """A flow source: one write a drain for each watched process."""

    def __init__(self) -> None:
        self.watched: list[frozenset[int]] = []
        self.recorded: list[Mapping[int, RecordPolicy]] = []
        self.picked: list[Exchange] = []
        self.peer = Peer("10.1.1.1", 80)
        self.is_closed = self.is_unable = self.is_unreadable = False
        self.refused = 0

    def watch(self, pids: Pids[int]) -> None:
        if self.is_unable:
            self.refused += 1
            raise Unmeasured("no memory for maps")
        self.watched.append(frozenset(pids))

    def drain(self) -> Sequence[Flow]:
        if self.is_unreadable:
            self.refused += 1
            raise Unmeasured("no descriptor for reading maps")
        return [
            Flow(
                FlowKey(pid, f"10.0.0.{pid}", self.peer, Role.CLIENT, Protocol.UNKNOWN, tls=False),
                {"write": Operation(count=1)},
            )
            for pid in self.watched[-1]
        ]

    def record(self, policies: Mapping[int, RecordPolicy]) -> None:
        self.recorded.append(policies)

    def exchanges(self) -> Sequence[Exchange]:
        found, self.picked = self.picked, []
        return found

    def listeners(self) -> Sequence[Listener]:
        return [Listener(pid, 80, 3) for pid in self.watched[-1]]

    def libraries(self) -> Mapping[int, Sequence[Library]]:
        return {}

    def losses(self) -> Mapping[str, int]:
        return {"flows_full": 7}

    def close(self) -> None:
        self.is_closed = True


class Backend:
    """An uplink that hands out what the test puts in, and can go away or be stuck."""

    def __init__(self) -> None:
        self.is_away = self.is_stuck = False
        self.orders: list[Order] = []
        self.calls: list[str] = []
        self.got: list[Collection] = []
        self.samples: list[Sample] = []

    def _call(self, name: str) -> None:
        if self.is_away:
            raise Unreachable("away")
        self.calls.append(name)

    async def report(self, processes: Sequence[Process]) -> Mapping[Process, str]:
        self._call("report")
        return {each: f"id-{each.entity.process}" for each in processes}

    async def keep_alive(self, processes: Sequence[Process]) -> None:
        self._call("keep_alive")

    async def poll(self, since_ms: int) -> Sequence[Order]:
        self._call("poll")
        return [order for order in self.orders if order.task.update_ms > since_ms]

    async def send(self, collections: Sequence[Collection]) -> None:
        self._call("send")
        await asyncio.sleep(3600 if self.is_stuck else 0)
        self.got += collections

    async def send_samples(self, samples: Sequence[Sample]) -> None:
        self._call("send_samples")
        self.samples += samples


def order(*process_ids: str, update_ms: int = 1, duration_s: int = 600) -> Order:
    """A task that started a second ago."""
    task = NetworkTask(
        task_id="t",
        service_id="",
        instance_id="",
        start_ms=NOW_MS - 1000,
        duration_s=duration_s,
        update_ms=update_ms,
    )
    return Order(task, process_ids)


class Stage:
    """An agent between a host, a kernel and a backend that the test holds."""

    def __init__(self, *processes: Process) -> None:
        self.host, self.kernel, self.backend = Host(*processes), Kernel(), Backend()
        self.now_ms = NOW_MS
        source: FlowSource = self.kernel
        uplink: Uplink = self.backend
        self.memory_mb = 50.0
        self.agent = Agent(
            FAST,
            scanner=self.host,
            source=source,
            uplink=uplink,
            now_ms=lambda: self.now_ms,
            host_addresses=set,
            memory_mb=lambda: self.memory_mb,
        )

    async def __aenter__(self) -> "Stage":
        self._running = asyncio.create_task(self.agent.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def wait_watched(self, *pids: int) -> None:
        """Until the kernel was told to watch exactly these."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.kernel.watched or self.kernel.watched[-1] != frozenset(pids):
                await asyncio.sleep(0.01)

    async def wait_polls(self, count: int) -> None:
        """Until the agent has asked for tasks so many times more."""
        target = self.backend.calls.count("poll") + count
        async with asyncio.timeout(PATIENCE_S):
            while self.backend.calls.count("poll") < target:
                await asyncio.sleep(0.01)


async def test_a_task_names_one_process_and_the_whole_instance_is_watched() -> None:
    """Workers of the same name and processes that appear later are measured too."""
    async with Stage(process(1, "gateway"), process(2, "gateway"), process(3, "orders")) as stage:
        stage.backend.orders = [order("id-gateway")]
        await stage.wait_watched(1, 2, 3)

        stage.host.processes.append(process(4, "cart"))
        await stage.wait_watched(1, 2, 3, 4)


async def test_a_source_that_cannot_measure_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The agent goes on, and says why once."""
    async with Stage(process(1, "gateway")) as stage:
        stage.kernel.is_unable = True
        stage.backend.orders = [order("id-gateway")]
        async with asyncio.timeout(PATIENCE_S):
            while stage.kernel.refused < 3:
                await asyncio.sleep(0.01)
        stage.kernel.is_unable = False
        await stage.wait_watched(1)

    said = [each for each in caplog.messages if "no memory for maps" in each]
    assert ["nothing is measured, trying again: no memory for maps"] == said


async def test_a_source_that_cannot_be_read_is_read_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The agent goes on and says why once; what was counted meanwhile comes with the next drain."""
    async with Stage(process(1, "gateway")) as stage:
        stage.backend.orders = [order("id-gateway")]
        await stage.wait_watched(1)
        stage.kernel.is_unreadable = True
        async with asyncio.timeout(PATIENCE_S):
            while stage.kernel.refused < 2:
                await asyncio.sleep(0.01)
            stage.kernel.is_unreadable = False
            stage.backend.got.clear()
            while not any("write" in m.name for each in stage.backend.got for m in each.meters):
                await asyncio.sleep(0.01)

    assert 1 == sum("no descriptor for reading maps" in each for each in caplog.messages)


async def test_without_a_task_nothing_is_watched() -> None:
    """Idle costs nothing: the kernel is never asked."""
    async with Stage(process(1, "gateway")) as stage:
        await stage.wait_polls(3)

        assert [] == stage.kernel.watched


async def test_a_process_is_reported_before_it_is_kept_alive() -> None:
    """Its service appears at once, not at the second heartbeat."""
    async with Stage(process(1, "gateway")) as stage:
        async with asyncio.timeout(PATIENCE_S):
            while "keep_alive" not in stage.backend.calls:
                await asyncio.sleep(0.01)

        assert stage.backend.calls.index("report") < stage.backend.calls.index("keep_alive")


async def test_a_task_ends_by_itself_and_its_last_window_is_reported() -> None:
    """At the end the kernel is told to watch nobody."""
    async with Stage(process(1, "gateway")) as stage:
        stage.backend.orders = [order("id-gateway")]
        await stage.wait_watched(1)
        stage.now_ms += 700_000
        await stage.wait_watched()

    assert stage.backend.got
    assert stage.kernel.is_closed


async def test_a_new_update_of_the_same_task_extends_it() -> None:
    """The same id runs on under its new end, without a pause."""
    async with Stage(process(1, "gateway")) as stage:
        stage.backend.orders = [order("id-gateway")]
        await stage.wait_watched(1)
        stage.backend.orders = [order("id-gateway", update_ms=2, duration_s=1200)]
        await stage.wait_polls(2)
        stage.now_ms += 700_000
        await stage.wait_polls(2)

        assert [frozenset({1})] == stage.kernel.watched


async def test_reports_wait_while_the_backend_is_away() -> None:
    """Every drain arrives, in order, when it is back."""
    async with Stage(process(1, "gateway")) as stage:
        stage.backend.orders = [order("id-gateway")]
        await stage.wait_watched(1)
        stage.backend.is_away = True
        async with asyncio.timeout(PATIENCE_S):
            while stage.agent.statistics()["collection_waiting"] < 3:
                await asyncio.sleep(0.01)
        stage.backend.is_away = False
        async with asyncio.timeout(PATIENCE_S):
            while stage.agent.statistics()["collection_waiting"]:
                await asyncio.sleep(0.01)

        statistics = stage.agent.statistics()
        assert statistics["flow_total"] == len(stage.backend.got)
        assert 7 == statistics["lost_flows_full_total"]


async def test_what_finds_no_time_at_the_end_is_told_by_number(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend that is slow to take the last window is not one that is away."""
    monkeypatch.setattr("podwire.agent.agent.LAST_S", 0.05)
    async with Stage(process(1, "gateway")) as stage:
        stage.backend.orders = [order("id-gateway")]
        await stage.wait_watched(1)
        stage.backend.is_stuck = True

    (said,) = (each.getMessage() for each in caplog.records if each.levelname == "WARNING")
    waiting = stage.agent.statistics()["collection_waiting"]
    assert waiting > 0
    assert said.startswith(f"{waiting} reports were not sent before the end")


async def test_listeners_without_room_are_reported() -> None:
    """What the source says of them goes to the backend with every report."""
    async with Stage(process(1, "gateway")) as stage:
        stage.backend.orders = [order("id-gateway")]
        await stage.wait_watched(1)
        async with asyncio.timeout(PATIENCE_S):
            while not stage.backend.got:
                await asyncio.sleep(0.01)

    meters = {each.name: each for found in stage.backend.got for each in found.meters}
    overflow = meters["podwire_capture_listen_overflow_total"]
    assert Single(overflow.name, (("port", "80"),), 3) == overflow


async def test_above_its_memory_limit_the_agent_sheds_what_waits() -> None:
    """Reports for a backend that is away are dropped and counted; a delivered one never is."""
    async with Stage(process(1, "gateway")) as stage:
        stage.backend.orders = [order("id-gateway")]
        await stage.wait_watched(1)
        stage.backend.is_away = True
        stage.memory_mb = FAST.memory_limit_mb + 1
        async with asyncio.timeout(PATIENCE_S):
            while stage.agent.statistics()["memory_shed_total"] < 5:
                await asyncio.sleep(0.01)
        statistics = stage.agent.statistics()

    assert statistics["collection_waiting"] <= 1
    assert statistics["memory_shed_total"] == statistics["collection_dropped_total"]


async def test_a_reused_pid_is_another_process() -> None:
    """A pid with another start time is reported anew."""
    async with Stage(process(1, "gateway")) as stage:
        async with asyncio.timeout(PATIENCE_S):
            while stage.backend.calls.count("report") < 1:
                await asyncio.sleep(0.01)
            stage.host.processes = [process(1, "gateway", start_ticks=2)]
            while stage.backend.calls.count("report") < 2:
                await asyncio.sleep(0.01)


RULE = SamplingRule(
    when_5xx=True,
    settings=SamplingSettings(require_complete_request=True, require_complete_response=True),
)


def failed(pid: int, peer: Peer = Peer("10.1.1.1", 80)) -> Exchange:  # noqa: B008
    """A request with a B3 context that was answered with 500."""
    head = b"GET /a HTTP/1.1\r\nb3: 80f198ee56343ba8-05e3ac9a4f6e3b90\r\n\r\n"
    key = FlowKey(pid, f"10.0.0.{pid}", peer, Role.CLIENT, Protocol.HTTP1, tls=False)
    return Exchange(key, 500, Recording(head, len(head), 0, 1), Recording(b"", 0, 2, 3))


async def test_a_task_with_rules_samples_while_it_runs() -> None:
    """The kernel records its processes; what is picked is sent; with the task it ends."""
    async with Stage(process(1, "gateway")) as stage:
        stage.backend.orders = [Order(with_rule(), ("id-gateway",))]
        await stage.wait_watched(1)
        stage.kernel.picked = [failed(1), failed(2)]
        async with asyncio.timeout(PATIENCE_S):
            while not stage.backend.samples:
                await asyncio.sleep(0.01)
        stage.now_ms += 700_000
        await stage.wait_watched()

    assert [("shop", "pod", "/a")] == [
        (sample.service, sample.instance, sample.body["uri"]) for sample in stage.backend.samples
    ]
    assert [{1: RecordPolicy(when_5xx=True)}] == stage.kernel.recorded


async def test_a_sample_lies_on_the_edge_of_its_meters() -> None:
    """Also when the other end is a watched process of another pod on this node."""
    async with Stage(process(1, "gateway"), process(2, "orders", instance="other")) as stage:
        stage.kernel.peer = Peer("10.0.0.2", 80)
        stage.backend.orders = [Order(with_rule(), ("id-gateway", "id-orders"))]
        await stage.wait_watched(1, 2)
        stage.kernel.picked = [failed(1, stage.kernel.peer)]
        async with asyncio.timeout(PATIENCE_S):
            while not (stage.backend.samples and stage.backend.got):
                await asyncio.sleep(0.01)

    (sample,) = stage.backend.samples
    assert {"process_id": "", "local": True, "address": ""} == sample.body["server_process"]
    labels = {each.meters[0].labels for each in stage.backend.got if each.instance == "pod"}
    assert [("server_local", "true")] == [label[1] for label in labels]


def with_rule() -> NetworkTask:
    """The task, with the rule."""
    return dataclasses.replace(order().task, rules=(RULE,))
