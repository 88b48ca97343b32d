"""
Throws broken things at a running backend: `python -m conformance.fuzz HOST:GRPC,HOST:HTTP SECONDS`.

In: valid messages and the backend's own schema.  Out: mutated calls and random questions, how each
ended, and what must not happen: a fault of the backend's own, an answer that is no answer, silence.
"""

import random
import re
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    build_client_schema,
    get_introspection_query,
    get_named_type,
)

from conformance import test_records as records
from conformance.message import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    message,
    read_varint,
    varint,
)
from conformance.rover import Rover, histogram, pair, single
from conformance.target import Target

EXPECTED = {"OK", "INTERNAL", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
STATUSES = {200, 400, 413}
FAULT = re.compile("failed inside|internal|Traceback|Exception", re.IGNORECASE)
"""What a backend says of itself when the fault is its own; ours says the first."""

MAX_DEPTH = 4
TIMEOUT_S = 30.0
WORDS = (
    "", "a", "K8S_SERVICE", "2026-11-24 1058", "2026-11-24", "0000-99-99 9999", "service",
    "c2VydmljZQ==.1", "c2VydmljZQ==.1_aQ==", "process_relation_client_write_cpm",
    "top_n(sampled_slow_trace_record,50,DES)", "avg(x)/0", "((((", "\x00", "é" * 300, "%", "'",
)  # fmt: skip
EXTREMES = (0.0, -1.0, 1e308, float("nan"), float("inf"), -0.5)
NUMBERS = (0, 1, -1, 50, 2**31 - 1, -(2**31), 2**63, 10**30)


@dataclass
class Outcome:
    """How often what happened, and what must not have."""

    executions: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)
    """One example for each kind of finding."""

    def found(self, what: str, example: object) -> None:
        self.findings.setdefault(what, repr(example)[:2000])


def seeds(rover: Rover) -> dict[str, list[bytes]]:
    """Valid messages of every method."""
    entity = rover.entity("web", labels=("a", "b"))
    properties = {"host_ip": "1.1.1.1", "command_line": "x" * 50}
    process = message((1, message((2, rover.metadata(entity, properties=properties)))))
    labels = rover.labels("client", "web", ("address", "10.9.8.7:80"))
    head = message((3, rover.service), (4, "i"), (5, int(time.time() * 1000)))
    meter = single("rover_net_p_client_write_counts_counter", labels, 3) + head
    buckets = histogram("rover_net_p_client_write_exe_time_histogram", labels, [(0, 1), (10000, 2)])
    segment = message((1, "t"), (2, "s"), (3, records.span(0, -1, 0, "GET:/")), (4, rover.service))
    now = message((1, int(time.time())), (2, 5))
    context = message((2, "t"), (3, "s"), (4, "1"))
    event = message((1, now), (2, "HTTP"), (3, now), (4, pair("a", "b")), (6, context))
    cause = message((1, 0), (2, message((1, 80.0), (2, 93.5))))
    started = message((2, rover.service), (3, "i"), (4, "web"), (5, cause), (6, 600), (7, b""))
    ping = message((1, rover.service), (2, "i"), (3, "GENERAL"))
    return {
        "EBPFProcessService/reportProcesses": [process + message((2, rover.agent))],
        "EBPFProcessService/keepAlive": [message((1, message((1, entity))), (2, rover.agent))],
        "EBPFProfilingService/queryTasks": [message((1, rover.agent), (2, 5))],
        "EBPFProfilingService/collectProfilingData": [message((1, message((1, "t"))))],
        "ContinuousProfilingService/queryPolicies": [message((1, message((1, "s"), (2, "u"))))],
        "ContinuousProfilingService/reportProfilingTask": [started],
        "MeterReportService/collectBatch": [message((1, meter), (1, buckets))],
        "MeterReportService/collect": [meter, buckets],
        "LogReportService/collect": [rover.sample(), rover.sample(reason="status_5xx")],
        "TraceSegmentReportService/collect": [segment],
        "TraceSegmentReportService/collectInSync": [message((1, segment), (1, segment))],
        "SpanAttachedEventReportService/collect": [event],
        "EBPFAccessLogService/collect": [message((1, message((1, "node"))), (3, b""))],
        "ManagementService/keepAlive": [ping],
        "ManagementService/reportInstanceProperties": [ping[:-9] + message((3, pair("a", "b")))],
    }


def mutated(data: bytes, dice: random.Random) -> bytes:
    """One to four small wounds."""
    wounded = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(wounded) + 1)
        match dice.randrange(7):
            case 0 if wounded:
                wounded[at % len(wounded)] ^= 1 << dice.randrange(8)
            case 1:
                del wounded[at:]
            case 2:
                del wounded[at : at + dice.randint(1, 8)]
            case 3:
                wounded[at:at] = dice.randbytes(dice.randint(1, 8))
            case 4:
                wounded[at:at] = b"\xff" * dice.randint(1, 11) + b"\x01"
            case 5:
                wounded[at:at] = wounded[: dice.randint(1, 64)] * dice.randint(1, 20)
            case _ if wounded:
                wounded[at % len(wounded)] = dice.choice((0, 0x7F, 0x80, 0xFF))
    return bytes(wounded)


def reshaped(data: bytes, dice: random.Random, depth: int = 4) -> bytes:
    """A message that can be read and says something else: a field dropped, doubled or changed."""
    try:
        pieces = list(_pieces(data))
    except IndexError:
        return dice.randbytes(dice.randrange(40))
    if not pieces:
        return data
    at = dice.randrange(len(pieces))
    number, kind, value = pieces[at]
    match dice.randrange(6):
        case 0:
            del pieces[at]
        case 1:
            pieces += [pieces[at]] * dice.randint(1, 50)
        case 2:
            dice.shuffle(pieces)
        case 3 if kind == BYTES and depth:
            pieces[at] = (number, kind, reshaped(value, dice, depth - 1))
        case 4 if kind == BYTES and depth:
            pieces[at] = (number, kind, reshaped(value, dice, depth - 1))
        case _:
            pieces[at] = (number, kind, _other(kind, dice))
    return b"".join(_joined(*piece) for piece in pieces)


def _other(kind: int, dice: random.Random) -> bytes:
    if kind == VARINT:
        return varint(dice.choice((0, 1, 2, 77, 2**31, 2**63, 2**64 - 1)))
    if kind == BYTES:
        return dice.choice([word.encode() for word in WORDS] + [b"x" * 100_000, b"{", b"[" * 5000])
    return struct.pack("<d", dice.choice(EXTREMES))


def _joined(number: int, kind: int, value: bytes) -> bytes:
    length = varint(len(value)) if kind == BYTES else b""
    return varint(number << 3 | kind) + length + value


def _pieces(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Field number, kind and raw value; IndexError for what is no message."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        kind, size, start = key & 7, 0, at
        if kind == VARINT:
            _, end = read_varint(data, at)
            yield key >> 3, kind, data[start:end]
            at = end
            continue
        size = {FIXED64: 8, FIXED32: 4}.get(kind, -1)
        if kind == BYTES:
            size, at = read_varint(data, at)
        if size < 0 or at + size > len(data):
            raise IndexError
        yield key >> 3, kind, data[at : at + size]
        at += size


def break_a_call(rover: Rover, outcome: Outcome, dice: random.Random) -> None:
    """A stream of a few messages, some of them wounded."""
    method, valid = dice.choice(list(seeds(rover).items()))
    change = mutated if dice.random() < 0.3 else reshaped
    messages = [change(dice.choice(valid), dice) for _ in range(dice.randint(1, 4))]
    try:
        rover.target.call(method, *messages)
        ending = "OK"
    except grpc.RpcError as error:
        ending = error.code().name
    outcome.executions["gRPC"] += 1
    outcome.endings[ending] += 1
    if ending not in EXPECTED:
        outcome.found(f"{method}: {ending}", messages)


def schema_of(target: Target) -> GraphQLSchema:
    """The schema that the backend says it has."""
    return build_client_schema(target.post(get_introspection_query()).json()["data"])


def question(schema: GraphQLSchema, dice: random.Random) -> str:
    """A random operation that is mostly valid."""
    is_query = dice.random() < 0.9
    kind = schema.query_type if is_query else schema.mutation_type
    assert kind
    fields = _selection(kind, dice, MAX_DEPTH, fields=dice.randint(1, 3))
    return f"{'query' if is_query else 'mutation'} {{ {fields} }}"


def _selection(kind: GraphQLObjectType, dice: random.Random, depth: int, fields: int) -> str:
    chosen = dice.sample(sorted(kind.fields.items()), min(fields, len(kind.fields)))
    return " ".join(
        f"a{number}: {name}{_arguments(field, dice)}{_inside(field, dice, depth)}"
        for number, (name, field) in enumerate(chosen)
    )


def _inside(declared: Any, dice: random.Random, depth: int) -> str:
    inner = get_named_type(declared.type)
    if not isinstance(inner, GraphQLObjectType):
        return ""
    if depth == 0:
        return " { __typename }"
    return f" {{ {_selection(inner, dice, depth - 1, dice.randint(1, 4))} }}"


def _arguments(declared: Any, dice: random.Random) -> str:
    given = {
        name: _value(argument.type, dice, 3)
        for name, argument in declared.args.items()
        if isinstance(argument.type, GraphQLNonNull) or dice.random() < 0.5
    }
    return f"({', '.join(f'{k}: {v}' for k, v in given.items())})" if given else ""


def _value(kind: Any, dice: random.Random, depth: int) -> str:
    if dice.random() < 0.03:
        return dice.choice(("null", "{}", "[]", '"x"', "5", "true", "NONE"))
    match kind:
        case GraphQLNonNull():
            return _value(kind.of_type, dice, depth)
        case GraphQLList():
            values = [_value(kind.of_type, dice, depth) for _ in range(dice.randrange(3))]
            return f"[{', '.join(values)}]"
        case GraphQLEnumType():
            return str(dice.choice(sorted(kind.values)))
        case GraphQLInputObjectType():
            inside = {
                name: _value(each.type, dice, depth - 1)
                for name, each in kind.fields.items()
                if isinstance(each.type, GraphQLNonNull) or dice.random() < 0.6
            }
            return f"{{{', '.join(f'{k}: {v}' for k, v in inside.items())}}}"
    plain: dict[str, Callable[[], str]] = {
        "Int": lambda: str(dice.choice(NUMBERS)),
        "Long": lambda: str(dice.choice(NUMBERS)),
        "Boolean": lambda: dice.choice(("true", "false")),
        "Float": lambda: "1.5e300",
    }
    return plain.get(kind.name, lambda: _quoted(dice.choice(WORDS)))()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\x00", "\\u0000")
    return f'"{escaped}"'


def ask_a_question(
    target: Target,
    client: httpx.Client,
    schema: GraphQLSchema,
    outcome: Outcome,
    dice: random.Random,
) -> None:
    """A random question, at times with a wound."""
    text = question(schema, dice)
    if dice.random() < 0.15:
        text = mutated(text.encode(), dice).decode(errors="replace")
    outcome.executions["GraphQL"] += 1
    try:
        answer = client.post(f"http://{target.http}/graphql", json={"query": text})
        body = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        outcome.found(f"GraphQL: {type(error).__name__}", text)
        return
    outcome.endings[f"HTTP {answer.status_code}{' with errors' if body.get('errors') else ''}"] += 1
    messages = [str(each.get("message")) for each in body.get("errors") or ()]
    if answer.status_code not in STATUSES or any(FAULT.search(each) for each in messages):
        outcome.found(f"GraphQL: {answer.status_code} {messages[:1]}", text)


def own_faults(target: Target) -> int:
    """Calls that the backend failed by its own fault, from its status page."""
    status = httpx.get(f"http://{target.http}/status", trust_env=False, timeout=TIMEOUT_S).json()
    return int(status.get("call_failed_total", 0))


def fuzz(target: Target, seconds: float, seed: int = 0) -> Outcome:
    """So many seconds of both, in turns."""
    dice, outcome = random.Random(seed), Outcome()
    rover, schema = Rover(target), schema_of(target)
    until_s = time.monotonic() + seconds
    with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
        while time.monotonic() < until_s:
            break_a_call(rover, outcome, dice)
            ask_a_question(target, client, schema, outcome, dice)
    if faults := own_faults(target):
        outcome.found("calls failed by a fault of the backend's own", faults)
    return outcome


def report(outcome: Outcome) -> Iterator[str]:
    """What a person reads."""
    yield ", ".join(f"{count} {what}" for what, count in outcome.executions.items())
    yield ", ".join(f"{what}: {count}" for what, count in outcome.endings.most_common())
    for what, example in outcome.findings.items():
        yield f"FOUND {what}\n    {example}"


if __name__ == "__main__":
    address, http = sys.argv[1].split(",")
    with grpc.insecure_channel(address) as channel:
        done = fuzz(Target(address, http, channel), float(sys.argv[2]), int(time.time()))
    print("\n".join(report(done)))
    sys.exit(bool(done.findings))
