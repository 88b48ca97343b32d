"""
Parsers of bytes that come from the network or from a process, fed with what nobody writes.

Each target takes randomness and reads once; whatever it raises beyond what its parser promises to
raise is a finding. Most of the input is a valid one with a few bytes changed: noise alone is
refused at the door.
"""

import contextlib
import json
import re
import struct
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from google.protobuf.message import DecodeError, Message

from fuzz.executables import MAPS, read_executables, read_mappings
from podwire.agent.sample import body, context, head
from podwire.capture.layout import Layouts, Unreadable
from podwire.discovery.cgroup import place_of
from podwire.discovery.host import Host, HostRule
from podwire.discovery.proc import Proc
from podwire.wire import log, meter, policy, process, scan, task, trace
from podwire.wire.error import Malformed
from podwire.wire.gen.skywalking import (
    command_pb2,
    continuous_pb2,
    logging_pb2,
    meter_pb2,
    process_pb2,
    tracing_pb2,
)

STAT = b"7 (nginx) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1" + b" 0" * 30 + b"\n"
CGROUP = (
    b"12:pids:/kubepods/burstable/pod0f8e7a1c-2b3d-4e5f-8a9b-0c1d2e3f4a5b/" + b"ab" * 32 + b"\n"
    b"0::/system.slice/nginx.service\n"
)
RULE = HostRule(
    service="{exe} {unit} {pid} {hostname}", instance="i", process="{exe}", cgroup=re.compile("")
)
ENTITY = process_pb2.EBPFProcessEntityMetadata(
    layer="GENERAL", serviceName="s", instanceName="i", processName="p", labels=["l"]
)
HEAD = (
    b"POST /a?b HTTP/1.1\r\nContent-Type: text/plain; charset=utf-8\r\nsw8: 1-YQ==-YQ==-3-YQ==-"
    b"YQ==-YQ==-YQ==\r\nb3: 80f198ee56343ba8-05e3ac9a4f6e3b90-1\r\nContent-Encoding: gzip\r\n"
    b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
)


def noise(random: Random, most: int = 60) -> bytes:
    """Any bytes."""
    return bytes(random.randrange(256) for _ in range(random.randrange(most)))


def spoiled(random: Random, data: bytes) -> bytes:
    """Valid bytes with a few changes: flipped, cut out, doubled, replaced by noise, cut off."""
    for _ in range(random.randrange(4)):
        at, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
        short = min(end, at + 4)
        data = random.choice(
            (
                data[:at] + bytes([random.randrange(256)]) + data[at + 1 :],
                data[:at] + data[short:],
                data[:end] + data[at:],
                data[:at] + noise(random, 12) + data[short:],
                data[:at],
            )
        )
    return data


def any_bytes(random: Random, valid: bytes) -> bytes:
    return noise(random) if random.randrange(4) == 0 else spoiled(random, valid)


# /proc


def read_proc(random: Random) -> None:
    """A process may be called anything, and may be half gone."""
    valid = {"stat": STAT, "cgroup": CGROUP, "comm": b"nginx\n", "cmdline": b"nginx\0-g\0x\0"}
    with TemporaryDirectory() as folder:
        place = Path(folder) / "7"
        place.mkdir()
        for name, data in valid.items():
            if random.randrange(8):
                (place / name).write_bytes(any_bytes(random, data))
        target = any_bytes(random, b"/usr/sbin/nginx (deleted)").replace(b"\0", b"") or b"x"
        (place / "exe").symlink_to(target.decode(errors="surrogateescape"))
        for found in Host([RULE], proc=Path(folder)).scan():
            process.properties_message(found).SerializeToString()
        proc = Proc(Path(folder))
        if life := proc.life_or_none(7):
            proc.facts_or_none(life)


def read_cgroup(random: Random) -> None:
    """Whatever a runtime or a container writes there."""
    found = place_of(any_bytes(random, CGROUP).decode(errors="replace"))
    assert found is None or found.container_ids


# BTF


@cache
def _btf() -> bytes:
    """The raw types of our own object, from its ELF section."""
    from podwire.capture.hooks import OBJECT

    data = OBJECT.read_bytes()
    (sections,) = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    rows = [struct.unpack_from("<IIQQQQ", data, sections + size * n) for n in range(count)]
    texts = rows[names][4]
    for name, _, _, _, at, length in rows:
        if data[texts + name :].startswith(b".BTF\0"):
            return data[at : at + length]
    raise LookupError(".BTF")


def read_layouts(random: Random) -> None:
    """An object that is not the one it was, or half of it."""
    data = bytearray(_btf())
    for _ in range(random.randrange(1, 6)):
        data[random.randrange(len(data) // (1 if random.randrange(2) else 4))] = random.randrange(
            256
        )
    cut = random.randrange(len(data)) if random.randrange(4) == 0 else len(data)
    try:
        layouts = Layouts(bytes(data[:cut]))
        for name in ("flow", "flow_key", "connection", "work"):
            layouts.structure(name)
        layouts.enumeration("loss")
    except (Unreadable, KeyError):
        pass


# messages


def _meters() -> meter_pb2.MeterDataCollection:
    labels = [meter_pb2.Label(name="a", value="b"), meter_pb2.Label(name="c", value="d")]
    single = meter_pb2.MeterSingleValue(name="m", labels=labels, value=1.5)
    values = [meter_pb2.MeterBucketValue(bucket=n, count=n) for n in range(3)]
    histogram = meter_pb2.MeterHistogram(name="h", labels=labels, values=values)
    return meter_pb2.MeterDataCollection(
        meterData=[
            meter_pb2.MeterData(singleValue=single, service="s", serviceInstance="i", timestamp=1),
            meter_pb2.MeterData(histogram=histogram),
        ]
    )


METERS = _meters().SerializeToString()


def _parsed(random: Random, kind: type[Message], valid: Message) -> Any:
    """A message of bytes that may be no message's; None then."""
    message = kind()
    try:
        message.ParseFromString(any_bytes(random, valid.SerializeToString()))
    except DecodeError:
        return None
    return message


def read_meters(random: Random) -> None:
    message = _parsed(random, meter_pb2.MeterDataCollection, _meters())
    with contextlib.suppress(Malformed):
        meter.collection_of(message.meterData if message else ())


def read_reports(random: Random) -> None:
    """What it echoes must serialize, whatever was sent."""
    host = process_pb2.EBPFHostProcessMetadata(entity=ENTITY, pid=7)
    valid = process_pb2.EBPFProcessProperties(hostProcess=host)
    message = _parsed(random, process_pb2.EBPFProcessProperties, valid)
    try:
        if message:
            process.report_of(message, agent_id="a", now_ms=1)[1].SerializeToString()
    except Malformed:
        pass


def _json(random: Random, depth: int = 3) -> Any:
    """Any JSON value."""
    plain = (None, True, False, 0, -1, 1e300, 2**70, "", "\ud800", "5xx", "URIRegex")
    kind = random.randrange(4) if depth else 3
    if kind == 0:
        return [_json(random, depth - 1) for _ in range(random.randrange(3))]
    if kind == 1:
        keys = ("NetworkSamplings", "URIRegex", "MinDuration", "Settings", "MaxRequestSize", "x")
        return {random.choice(keys): _json(random, depth - 1) for _ in range(random.randrange(3))}
    return random.choice(plain)


def _json_like(random: Random, valid: Any) -> str:
    """JSON of another shape, or no JSON."""
    if random.randrange(2):
        return any_bytes(random, json.dumps(valid).encode()).decode(errors="replace")
    changed = dict(valid)
    for key in random.sample(list(changed), min(len(changed), 2)):
        changed[key] = _json(random)
    return json.dumps(random.choice((changed, _json(random), [changed])))


def read_orders(random: Random) -> None:
    """An agent must survive every command of a backend."""
    rules = {"NetworkSamplings": [{"URIRegex": "x", "MinDuration": 1, "Settings": {}}]}
    values = {
        "TaskId": "t", "ProcessId": "a,b", "TaskUpdateTime": "1", "TargetType": "NETWORK",
        "TaskStartTime": "1", "FixedTriggerDuration": "60", "ExtensionConfigJSON": "",
    }  # fmt: skip
    values["ExtensionConfigJSON"] = _json_like(random, rules)
    for key in random.sample(list(values)[:-1], random.randrange(2)):
        values[key] = random.choice(
            ("", "x", "-1", "9" * 5000, "1_0", " 1", "\N{DEVANAGARI DIGIT ONE}")
        )
    command = command_pb2.Command(command=task.COMMAND)
    for key, value in values.items():
        command.args.add(key=key, value=value.encode(errors="replace").decode())
    with contextlib.suppress(Malformed):
        task.order_of(command)


def read_logs(random: Random) -> None:
    end = {"process_id": "p", "local": False, "address": ""}
    valid = {
        "reason": "slow", "latency": 5, "client_process": end, "server_process": end,
        "uri": "/", "component": "http", "ssl": True, "detect_point": "server",
    }  # fmt: skip
    message = logging_pb2.LogData(serviceInstance="i", timestamp=1)
    message.traceContext.traceId = "t"
    message.body.json.json = _json_like(random, valid).encode(errors="replace").decode()
    with contextlib.suppress(Malformed):
        log.sample_of(message, "s")


def read_traces(random: Random) -> None:
    span = tracing_pb2.SpanObject(spanId=1, parentSpanId=-1, operationName="o", startTime=1)
    span.refs.add(traceId="t", parentTraceSegmentId="p", parentSpanId=1)
    valid = tracing_pb2.SegmentObject(
        traceId="t", traceSegmentId="s", service="s", serviceInstance="i", spans=[span]
    )
    event = tracing_pb2.SpanAttachedEvent(event="e")
    event.traceContext.traceId, event.traceContext.spanId = "t", "1"
    segment = _parsed(random, tracing_pb2.SegmentObject, valid)
    attached = _parsed(random, tracing_pb2.SpanAttachedEvent, event)
    for read, message in ((trace.spans_of, segment), (trace.event_of, attached)):
        try:
            if message is not None:
                read(message)
        except Malformed:
            pass


def read_causes(random: Random) -> None:
    valid = continuous_pb2.ContinuousProfilingReport(
        layer="K8S", serviceName="s", instanceName="i", processName="p"
    )
    valid.network.samplingURIRegexes.append("x")
    valid.causes.add().singleValue.threshold = 1
    message = _parsed(random, continuous_pb2.ContinuousProfilingReport, valid)
    try:
        if message is not None:
            policy.triggered_of(message)
            policy.triggered_rules(message)
    except Malformed:
        pass


@cache
def _scanner() -> scan.Scanner:
    return scan.Scanner()


def read_in_bulk(random: Random) -> None:
    """The compiled scanner takes no collection that protobuf refuses, and the same head of it."""
    data = any_bytes(random, METERS)
    scanner = _scanner()
    (found,) = scanner.read([data])
    status = int(found["status"])
    for _, _, unknown in scanner.unknown():
        meter_pb2.MeterData.FromString(unknown)
    if status == scan.ODD:
        return
    message = meter_pb2.MeterDataCollection.FromString(data)
    try:
        collection = meter.collection_of(message.meterData)
    except Malformed:
        assert scan.HEADLESS == status
    else:
        assert scan.READ == status
        assert (collection.service, collection.instance) == scanner.head_texts(found)


def read_samples(random: Random) -> None:
    """Recorded bytes of a request are the network's."""
    data = any_bytes(random, HEAD)
    found = head.read(data)
    assert 0 <= found.size <= len(data)
    head.path(found.target)
    context.context_of(found, Counter())
    body.read(found, data[found.size :])


TARGETS = {
    "executables": read_executables,
    "mapped files": lambda random: read_mappings(any_bytes(random, MAPS)),
    "proc": read_proc,
    "cgroup": read_cgroup,
    "btf": read_layouts,
    "meters": read_meters,
    "meters in bulk": read_in_bulk,
    "process reports": read_reports,
    "task orders": read_orders,
    "sampled logs": read_logs,
    "traces": read_traces,
    "profiling causes": read_causes,
    "sampled heads and bodies": read_samples,
}
