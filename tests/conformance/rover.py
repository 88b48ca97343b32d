"""
A played Rover: says what a Rover says, in bytes (contract 1, 2).

In: what a test wants said.  Out: calls; answers taken apart.
"""

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from conformance import ids
from conformance.message import Message, Value, message
from conformance.target import Target

Labels = Sequence[tuple[str, str]]
NOBODY = {"process_id": "", "local": False, "address": ""}


@dataclass
class Command:
    """What a poll is answered with."""

    name: str
    arguments: dict[str, str]


@dataclass
class Rover:
    """One agent with one service instance unless a test says otherwise."""

    target: Target
    agent: str = field(default_factory=lambda: str(uuid.uuid4()))
    service: str = field(default_factory=lambda: f"service-{uuid.uuid4().hex[:8]}")
    instance: str = "test-instance"
    layer: str = "K8S_SERVICE"

    @property
    def service_id(self) -> str:
        return ids.service_id(self.service)

    @property
    def instance_id(self) -> str:
        return ids.instance_id(self.service, self.instance)

    def process_id(self, name: str) -> str:
        return ids.process_id(self.instance_id, name)

    def entity(self, name: str, labels: Iterable[str] = ("k8s-service",), **other: str) -> bytes:
        """EBPFProcessEntityMetadata."""
        values = {"layer": self.layer, "service": self.service, "instance": self.instance} | other
        return message(
            (1, values["layer"]),
            (2, values["service"]),
            (3, values["instance"]),
            (4, name),
            *((5, label) for label in labels),
        )

    def metadata(
        self, entity: bytes, pid: int = 7, properties: Mapping[str, str] | None = None
    ) -> bytes:
        """The inside of hostProcess and k8sProcess: entity, pid, properties."""
        told = (properties or {}).items()
        return message((1, entity), (2, pid), *((3, pair(k, v)) for k, v in told))

    def report(self, *metadata: bytes, kind: int = 2) -> list[Message]:
        """EBPFProcessDownstream for each process answered; kind 1 is a host's, 2 Kubernetes'."""
        listed = [(1, message((kind, each))) for each in metadata]
        answer = self.target.call(
            "EBPFProcessService/reportProcesses", message(*listed, (2, self.agent))
        )
        return Message.of(answer).all(1)

    def keep_alive(self, *entities: bytes) -> bytes:
        """The answer's bytes: empty Commands."""
        pairs = pair("support_ebpf_profiling", "false")
        pings = [(1, message((1, entity), (2, pairs))) for entity in entities]
        return self.target.call("EBPFProcessService/keepAlive", message(*pings, (2, self.agent)))

    def live(self, *names: str) -> None:
        """Processes that are reported and kept alive."""
        self.report(*(self.metadata(self.entity(name)) for name in names))
        self.keep_alive(*(self.entity(name) for name in names))

    def poll(self, since_ms: int = 0) -> list[Command]:
        """Commands of queryTasks."""
        request = message((1, self.agent), (2, since_ms or None))
        answer = self.target.call("EBPFProfilingService/queryTasks", request)
        return commands(answer)

    def meters(self, *meters: bytes, timestamp_ms: int | None = None) -> None:
        """One collection: only its first entry says whose it is and when."""
        first = message(
            (3, self.service), (4, self.instance), (5, timestamp_ms or int(time.time() * 1000))
        )
        entries = [(1, meters[0] + first), *((1, meter) for meter in meters[1:])]
        self.target.call("MeterReportService/collectBatch", message(*entries))

    def labels(self, side: str, here: str, peer: tuple[str, str], **more: str) -> Labels:
        """The labels of a meter in Rover's order; the peer is one of process_id, local, address."""
        other = "server" if side == "client" else "client"
        kind, value = peer
        values = {"protocol": "http", "is_ssl": "false"} | more
        return [
            (f"{side}_process_id", self.process_id(here)),
            (f"{other}_{kind}", value),
            ("side", side),
            *values.items(),
        ]

    def relation(self, source: str, target: str) -> dict[str, object]:
        """The entity of an edge between two processes of this instance, as swctl asks."""
        here = {"serviceName": self.service, "normal": True, "serviceInstanceName": self.instance}
        there = {f"dest{key[0].upper()}{key[1:]}": value for key, value in here.items()}
        return {**here, **there, "processName": source, "destProcessName": target}

    def edge(self, source: str, target: str) -> str:
        """The id of that edge."""
        return f"{self.process_id(source)}-{self.process_id(target)}"

    def sample(self, **body: object) -> bytes:
        """LogData of a sampled request of the process `service` to an address."""
        told: dict[str, object] = {
            "uri": "/provider", "reason": "slow", "latency": 1002, "trace_provider": "skywalking",
            "client_process": NOBODY | {"process_id": self.process_id("service")},
            "server_process": NOBODY | {"address": "10.9.8.7:80"},
            "detect_point": "client", "component": "http", "ssl": False, "status": 200,
        }  # fmt: skip
        trace_id = str(body.pop("trace_id", uuid.uuid4().hex))
        text = json.dumps(told | body)
        return message(
            (1, int(time.time() * 1000)),
            (2, self.service),
            (3, self.instance),
            (5, message((1, "json"), (3, message((1, text))))),
            (6, message((1, trace_id))),
            (7, message((1, pair("LOG_KIND", "NET_PROFILING_SAMPLED_TRACE")))),
            (8, self.layer),
        )

    def log(self, *logs: bytes) -> None:
        """One stream of logs."""
        self.target.call("LogReportService/collect", *logs)


def pair(key: str, value: str) -> bytes:
    """KeyStringValuePair, and Label."""
    return message((1, key), (2, value))


def single(name: str, labels: Labels, value: float) -> bytes:
    """MeterData with a singleValue."""
    fields: list[tuple[int, Value]] = [(1, name), *((2, pair(k, v)) for k, v in labels)]
    return message((1, message(*fields, (3, float(value)))))


def histogram(name: str, labels: Labels, buckets: Iterable[tuple[float, int]]) -> bytes:
    """MeterData with a histogram, its buckets as they come."""
    counted = [(3, message((1, float(bound)), (2, count))) for bound, count in buckets]
    listed: list[tuple[int, Value]] = [(1, name), *((2, pair(k, v)) for k, v in labels)]
    return message((2, message(*listed, *counted)))


def commands(answer: bytes) -> list[Command]:
    """Commands by name with their arguments."""
    return [
        Command(each.text(1), {arg.text(1): arg.text(2) for arg in each.all(2)})
        for each in Message.of(answer).all(1)
    ]
