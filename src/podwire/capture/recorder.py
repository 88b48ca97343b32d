"""
Recorded exchanges leave the kernel: the few that a rule may pick.

In: `bpf/record.h`'s maps.  Out: `model.Exchange`; the pages of what was read are free again. A
chain whose pages are not what they were when it was handed over is counted and never shown.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from podwire.capture import decode
from podwire.capture.layout import Layouts
from podwire.capture.library import checked, ffi, library, made
from podwire.capture.table import Table, append
from podwire.model.exchange import Device, Exchange, Recording, RecordPolicy, SystemCall
from podwire.model.loss import Loss

PAGE_BYTES = 4096
NEVER_NS = 2**64 - 1
NO_LIMIT = 2**63

CALLS = {
    0: "Read",
    1: "Write",
    19: "Readv",
    20: "Writev",
    40: "SendFile",
    44: "Sendto",
    45: "Recvfrom",
    46: "SendMsg",
    47: "RecvMsg",
    275: "Splice",
    299: "RecvMMsg",
    307: "SendMMSg",
    327: "Readv",
    328: "Writev",
    1000: "SslRead",
    1001: "SslWrite",
    1002: "GoTLSRead",
    1003: "GoTLSWrite",
}
"""System calls of x86_64 by number, and `bpf/plaintext.h`'s own, as the wire spells them."""


class Recorder:
    """The recorder of one loaded object."""

    def __init__(self, fd_of: Callable[[str], int], layouts: Layouts, *, pages: int) -> None:
        self._head = layouts.structure("head")
        self._event = layouts.structure("picked")
        self._pages, self._heads = fd_of("pages"), fd_of("heads")
        self._free = fd_of("free_pages")
        self._policies = Table(fd_of("policies"), np.dtype("<u4"), layouts.structure("policy"))
        self._switch = Table(fd_of("recordings"), np.dtype("<u4"), layouts.structure("recording"))
        self._events: list[bytes] = []
        self._taken = ffi.callback("int(void *, void *, size_t)", self._take)
        ring = library().ring_buffer__new(fd_of("picked"), self._taken, ffi.NULL, ffi.NULL)
        self._ring = made(ring, "reading picked exchanges")
        self.losses: Counter[str] = Counter()
        self.copied_bytes = 0
        """Payload that user space has copied so far."""

        for page in range(1, pages):
            self._give_back(page)

    def record(self, policies: Mapping[int, RecordPolicy]) -> None:
        """Record these processes from now on, and nobody else."""
        known, _ = self._policies.read()
        for pid in set(known.tolist()) - policies.keys():
            self._policies.remove(np.array([pid], np.uint32))
        for pid, policy in policies.items():
            self._policies.put(np.array([pid], np.uint32), self._value(policy))
        self._turn(is_on=bool(policies))

    def _value(self, policy: RecordPolicy) -> Any:
        value = np.zeros(1, self._policies.value)
        least_ms = policy.least_ms
        value["least_ns"] = NEVER_NS if least_ms is None else least_ms * 1_000_000
        value["request_limit"] = policy.request_limit or NO_LIMIT
        value["response_limit"] = policy.response_limit or NO_LIMIT
        value["when_4xx"], value["when_5xx"] = policy.when_4xx, policy.when_5xx
        return value

    def _turn(self, *, is_on: bool) -> None:
        """The counter of chains beside it goes on: nothing is written unless the switch turns."""
        place = np.zeros(1, np.uint32)
        now = np.array([self._switch.get(place)], self._switch.value)
        if bool(now["is_on"][0]) == is_on:
            return
        now["is_on"] = is_on
        self._switch.put(place, now)

    def drain(self) -> list[Exchange]:
        """Exchanges that were picked since the last drain."""
        checked(library().ring_buffer__consume(self._ring), "reading picked exchanges")
        events, self._events = self._events, []
        ahead_ns = time.time_ns() - time.monotonic_ns()
        found = (self._exchange(np.frombuffer(event, self._event)[0], ahead_ns) for event in events)
        return [exchange for exchange in found if exchange]

    def _take(self, context: Any, data: Any, size: int) -> int:
        del context
        self._events.append(bytes(ffi.buffer(data, size)))
        return 0

    def _exchange(self, event: Any, ahead_ns: int) -> Exchange | None:
        request = self._chain(int(event["request"]), int(event["request_sequence"]))
        response = self._chain(int(event["response"]), int(event["response_sequence"]))
        if request is None:
            self.losses[Loss.SAMPLE_TORN] += 1
            return None
        if response is None and event["response"]:
            self.losses[Loss.SAMPLE_TORN] += 1
        end_ns = int(event["end_ns"]) + ahead_ns
        nothing = Recording(b"", int(event["response_bytes"]), end_ns, end_ns)
        calls = [*request.calls(ahead_ns, is_request=True)]
        calls += response.calls(ahead_ns, is_request=False) if response else ()
        return Exchange(
            key=decode.key(event["key"]),
            status=int(event["status"]),
            request=request.recording(ahead_ns),
            response=response.recording(ahead_ns) if response else nothing,
            calls=tuple(calls),
            device=_device(event),
        )

    def _chain(self, first: int, sequence: int) -> "_Chain | None":
        """A chain, read; its pages are given back. None when it is not the one it was."""
        if not first:
            return None
        heads, parts, page = [], [], first
        while page:
            head = self._read(self._heads, page, self._head.itemsize)
            heads.append(np.frombuffer(head, self._head)[0])
            length = int(heads[-1]["length"])
            parts.append(self._read(self._pages, page, PAGE_BYTES)[:length])
            page = int(heads[-1]["next"]) if len(heads) <= self._most_pages else 0
        after = np.frombuffer(self._read(self._heads, first, self._head.itemsize), self._head)[0]
        if not int(heads[0]["sequence"]) == int(after["sequence"]) == sequence:
            return None  # somebody else's: they are not ours to give back
        self._give_back_all(first, heads)
        data = b"".join(parts)
        self.copied_bytes += len(data)
        return _Chain(heads, data)

    _most_pages = 8192

    def _give_back_all(self, first: int, heads: list[Any]) -> None:
        for page in (first, *(int(head["next"]) for head in heads[:-1])):
            self._give_back(page)

    def _read(self, fd: int, page: int, size: int) -> bytes:
        key, value = ffi.new("unsigned *", page), ffi.new("char[]", size)
        checked(library().bpf_map_lookup_elem(fd, key, value), "reading a recorded page")
        return bytes(ffi.buffer(value, size))

    def _give_back(self, page: int) -> None:
        append(self._free, np.array([page], np.uint32))

    def close(self) -> None:
        """Let go of the ring."""
        library().ring_buffer__free(self._ring)


@dataclass(frozen=True, slots=True)
class _Chain:
    heads: list[Any]
    data: bytes

    def recording(self, ahead_ns: int) -> Recording:
        first = self.heads[0]
        start_ns, end_ns = int(first["start_ns"]) + ahead_ns, int(first["end_ns"]) + ahead_ns
        size = max(int(first["bytes"]), len(self.data))
        return Recording(self.data, size, start_ns, end_ns)

    def calls(self, ahead_ns: int, *, is_request: bool) -> Iterator[SystemCall]:
        """The calls that moved it; one that filled two pages is one."""
        moves = [move for head in self.heads for move in head["moved"][: int(head["moves"])]]
        merged: list[Any] = []
        for move in moves:
            if merged and merged[-1]["end_ns"] == move["end_ns"]:
                merged[-1]["bytes"] += move["bytes"]  # each has the segments of the whole call
            else:
                merged.append(move.copy())
        for move in merged:
            yield SystemCall(
                name=CALLS.get(int(move["number"]), "Other"),
                is_request=is_request,
                start_ns=int(move["start_ns"]) + ahead_ns,
                end_ns=int(move["end_ns"]) + ahead_ns,
                bytes=int(move["bytes"]),
                rtt_us=int(move["srtt_us"]),
                segments=int(move["segments"]),
            )


def _device(event: Any) -> Device | None:
    name = event["device_name"].tobytes().partition(b"\0")[0].decode(errors="replace")
    return Device(int(event["device"]), name) if event["device"] else None
