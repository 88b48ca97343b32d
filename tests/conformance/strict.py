"""
A backend that refuses what a real OAP would refuse or lose (contract 1, 2, 5.1, 8.2).

In: an agent's calls, in bytes.  Out: OAP's answers; what was wrong, in sentences; what was said.
A played OAP: it knows the traps, and nothing of podwire's code.
"""

import re
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc

from conformance import ids
from conformance.message import Message, message
from conformance.rover import pair

LAYERS = {"MESH", "GENERAL", "OS_LINUX", "K8S", "MESH_DP", "K8S_SERVICE", "CILIUM_SERVICE"}
"""Enough of OAP's: another name makes it throw."""

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NS = (
    *(0, 10_000, 50_000, 100_000, 500_000, 1_000_000, 1_200_000, 1_500_000, 1_700_000, 2_000_000),
    *(2_500_000, 3_000_000, 5_000_000, 7_000_000, 10_000_000, 13_000_000, 16_000_000, 20_000_000),
    *(25_000_000, 30_000_000, 35_000_000, 40_000_000, 45_000_000, 50_000_000, 70_000_000),
    *(100_000_000, 150_000_000, 200_000_000, 300_000_000, 500_000_000, 1_000_000_000),
    *(2_000_000_000, 3_000_000_000, 5_000_000_000),
)
SIZES = (
    *(256, 512, 1048, 1536, 2048, 3072, 5120, 8192, 10240, 15360, 20480, 35840, 51200, 76800),
    *(102400, 204800, 512000, 819200, 1048576, 1572864, 2097152, 5242880, 10485760, 20971520),
    52428800,
)
DURATIONS = (
    *(1, 2, 5, 10, 15, 20, 25, 30, 40, 45, 50, 60, 65, 70, 80, 90, 100, 110, 130, 150, 170, 200),
    *(230, 260, 290, 330, 380, 430, 480, 500, 600, 700, 800, 900, 1000, 1100, 1300, 1500, 1800),
    *(2000, 5000, 10000, 15000, 20000, 30000),
)
METERS = re.compile(
    r"rover_net_p_(?:(?:client|server)_(?:write|read|write_rtt|connect|close|retransmit|drop)_"
    r"(?:counts_counter|bytes_counter|exe_time_counter|exe_time_histogram)"
    r"|(?:client|server)_write_rtt_histogram"
    r"|http1_(?:client|server)_duration_(?:avg|histogram)"
    r"|http1_(?:request_counter|response_status_counter)"
    r"|http1_(?:request|response)_package_size_(?:avg|histogram))"
)


if TYPE_CHECKING:  # generic for mypy alone
    Handler = grpc.GenericRpcHandler[bytes, bytes]
else:
    Handler = grpc.GenericRpcHandler


class Refused(Exception):
    """OAP throws here: the call ends with UNKNOWN."""


@dataclass
class Strict:
    """What was said to it, and what was wrong with that."""

    faults: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    reported: dict[str, str] = field(default_factory=dict)
    """Process ids by process name."""

    services: set[str] = field(default_factory=set)
    """Those that a heartbeat made."""

    sums: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """What the single meters of a name add up to."""

    tasks: list[dict[str, str]] = field(default_factory=list)
    polls: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, what: str) -> None:
        self.faults.append(what)

    def report_processes(self, data: bytes) -> bytes:
        request = Message.of(data)
        self._agent(request.text(2))
        return message(*((1, self._answer(each)) for each in request.all(1)))

    def _answer(self, process: Message) -> bytes:
        ((kind, inside),) = process.fields
        metadata = Message.of(inside if isinstance(inside, bytes) else b"")
        (entity_bytes,) = metadata.all_bytes(1)
        entity = Message.of(entity_bytes)
        names = [entity.text(number) for number in (1, 2, 3, 4)]
        if not all(names) or not metadata.number(2):
            self.fault(f"a reported process lacks a name or a pid: {names}")
        keys = [each.text(1) for each in metadata.all(3)]
        if "support_ebpf_profiling" not in keys or "host_ip" not in keys:
            self.fault(f"properties of {names[3]} are {keys}")
        identity = ids.process_id(ids.instance_id(names[1], names[2]), names[3])
        self.reported[names[3]] = identity
        inner = message((1, metadata.number(2)), (2, entity_bytes))
        return message((1, identity), (kind + 1, inner))

    def keep_alive(self, data: bytes) -> bytes:
        request = Message.of(data)
        self._agent(request.text(2))
        pings = request.all(1)
        if not pings:
            self.fault("an empty heartbeat")
        for ping in pings:
            entity = ping.all(1)[0]
            if entity.text(1) not in LAYERS:
                raise Refused(f"no enum constant Layer.{entity.text(1)}")
            if entity.text(4) not in self.reported:
                self.fault(f"{entity.text(4)} was kept alive before it was reported")
            if {each.text(1) for each in ping.all(2)} - {"support_ebpf_profiling"}:
                self.fault("a heartbeat carries more than support_ebpf_profiling")
            self.services.add(entity.text(2))
        return b""

    def query_tasks(self, data: bytes) -> bytes:
        request = Message.of(data)
        self._agent(request.text(1))
        since_ms = request.number(2)
        self.polls.append(since_ms)
        with self.lock:
            newer = [task for task in self.tasks if int(task["TaskUpdateTime"]) > since_ms]
        return message(*((1, _command(task)) for task in newer))

    def _agent(self, agent: str) -> None:
        self.agents.add(agent)
        if not UUID4.fullmatch(agent):
            self.fault(f"the agent's id {agent!r} is no random UUID")

    def collect_batch(self, collections: list[bytes]) -> bytes:
        if not collections:
            self.fault("a stream of meters was opened with nothing to send")
        for collection in collections:
            self._collection(Message.of(collection).all(1))
        return b""

    def _collection(self, meters: list[Message]) -> None:
        heads = [(meter.text(3), meter.text(4), meter.number(5)) for meter in meters]
        if not heads or not all(heads[0]):
            self.fault(f"the first meter says {heads[:1]}: OAP ignores the batch")
            return
        if any(any(head) for head in heads[1:]):
            self.fault("more than the first meter says whose it is")
        if abs(heads[0][2] - time.time() * 1000) > 60_000:
            self.fault("the timestamp is not now")
        for meter in meters:
            for single in meter.all(1):
                self._meter(single)
                self.sums[single.text(1)] += _double(single, 3)
            for histogram in meter.all(2):
                self._meter(histogram)
                self._buckets(histogram)

    def _meter(self, meter: Message) -> None:
        name, labels = meter.text(1), [(each.text(1), each.text(2)) for each in meter.all(2)]
        is_own = name.startswith("podwire_")  # of the agent itself; OAP reads over unknown names
        if not is_own and not METERS.fullmatch(name):
            self.fault(f"{name} is no meter of Rover's")
        keys = [key for key, _ in labels]
        if len(set(keys)) != len(keys) or {"service", "instance", "le"} & set(keys):
            self.fault(f"the labels {keys} of {name} lose the whole collection")
            return
        if is_own:
            return
        tags = dict(labels)
        for end in ("client", "server"):
            given = [key for key in keys if key.startswith(f"{end}_")]
            if len(given) != 1 or given[0] not in {
                f"{end}_process_id", f"{end}_local", f"{end}_address",
            }:  # fmt: skip
                self.fault(f"{name} names its {end} by {given}")
        self._words(name, tags)

    def _words(self, name: str, tags: dict[str, str]) -> None:
        allowed = {"side": {"client", "server"}, "protocol": {"http", "unknown"}}
        allowed |= {"is_ssl": {"true", "false"}}
        for key, words in allowed.items():
            if tags.get(key) not in words:
                self.fault(f"{name} has {key}={tags.get(key)!r}")
        if f"{tags.get('side')}_process_id" not in tags:
            self.fault(f"{name} does not name the process on its own side")
        for key, value in tags.items():
            if key.endswith("_local") and value != "true":
                self.fault(f"{name} has {key}={value}")
            if key.endswith("_address") and not re.fullmatch(r".+:\d+", value):
                self.fault(f"{name} has {key}={value}")

    def _buckets(self, histogram: Message) -> None:
        name = histogram.text(1)
        bounds = [_double(each, 1) for each in histogram.all(3)]
        counts = [each.number(2) for each in histogram.all(3)]
        expected: tuple[float, ...] = NS
        if "rtt" in name:
            expected = tuple(bound / 1000 for bound in NS)
        elif "package_size" in name:
            expected = SIZES
        elif "duration" in name:
            expected = DURATIONS
        if sorted(bounds) != sorted(map(float, expected)) or not any(counts):
            self.fault(f"{name} has the bounds {bounds} and the counts {counts}")


def _double(item: Message, number: int) -> float:
    """A fixed64 field as a double; 0 when it was left out."""
    found = item.all_bytes(number)
    return float(struct.unpack("<d", found[-1])[0]) if found else 0.0


def _command(task: dict[str, str]) -> bytes:
    pairs = {"SerialNumber": "serial", **task}
    return message((1, "EBPFProfilingTaskQuery"), *((2, pair(k, v)) for k, v in pairs.items()))


class _Handlers(Handler):
    """Every method as a stream of bytes; what OAP does not have is UNIMPLEMENTED."""

    def __init__(self, strict: Strict) -> None:
        self._strict = strict
        one = {
            "EBPFProcessService/reportProcesses": strict.report_processes,
            "EBPFProcessService/keepAlive": strict.keep_alive,
            "EBPFProfilingService/queryTasks": strict.query_tasks,
        }
        self._methods: dict[str, Callable[[list[bytes]], bytes]] = {
            f"/skywalking.v3.{name}": _of_one(method) for name, method in one.items()
        }
        self._methods["/skywalking.v3.MeterReportService/collectBatch"] = strict.collect_batch

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        method = self._methods.get(details.method)
        if method is None:
            self._strict.fault(f"{details.method} was called")
            return None
        return grpc.stream_unary_rpc_method_handler(self._answering(details.method, method))

    def _answering(self, name: str, method: Callable[[list[bytes]], bytes]) -> Any:
        def answer(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            left_s = context.time_remaining()
            if left_s is None or left_s > 60:
                self._strict.fault(f"{name} was called without a deadline")
            self._strict.calls.append(name.rpartition("/")[2])
            try:
                return method(list(requests))
            except Refused as error:
                self._strict.fault(str(error))
                context.abort(grpc.StatusCode.UNKNOWN, "")
                raise

        return answer


def _of_one(method: Callable[[bytes], bytes]) -> Callable[[list[bytes]], bytes]:
    return lambda requests: method(requests[0])


@contextmanager
def strict_backend() -> Iterator[tuple[str, Strict]]:
    """Its address, and what it hears."""
    strict = Strict()
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((_Handlers(strict),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", strict
    finally:
        server.stop(None).wait()
