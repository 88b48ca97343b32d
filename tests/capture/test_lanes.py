"""
Where a preempted program keeps itself from other tasks, copies of it do what it was kept from.

Lanes are hung here whether this kernel needs them or not; that a task is preempted in one is
played by a lane that does not hang. The truth is the book of `scene.py`.
"""

import os
import socket
import struct
from pathlib import Path

import pytest

from capture.test_calls import REQUEST, flow, pair, receive
from capture.test_hooks import book_of, differences, next_act, not_as_said, play
from podwire.capture import Kernel
from podwire.capture.hooks import HOOKS, Programs, Rung
from podwire.capture.lanes import LANES, Lanes, lanes_here
from podwire.capture.library import library
from podwire.model.flow import Role

pytestmark = pytest.mark.root

REPEATABLE = [hook.program for hook in HOOKS if hook.is_repeatable]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """One with every lane."""
    monkeypatch.setattr("podwire.capture.kernel.lanes_here", lambda: LANES)
    return Kernel()


def lanes_of(kernel: Kernel) -> Lanes:
    assert kernel._program
    return kernel._program._lanes


def unhook(programs: Programs, names: list[str]) -> None:
    """Let programs of one lane hear of nothing more."""
    hung = [hook.program for hook, rung, _ in programs._loaded() if rung is not Rung.ITERATOR]
    for name in names:
        library().bpf_link__destroy(programs._links.pop(hung.index(name)))
        hung.remove(name)


def test_nothing_is_told_twice(kernel: Kernel) -> None:
    """Each lane hears of every event; the book is exact."""
    assert set() == differences(kernel)


@pytest.mark.parametrize("names", [["enter"], ["leave"], REPEATABLE], ids=str)
@pytest.mark.parametrize("absent", [[0], [0, 1], [1]], ids=str)
def test_what_a_lane_is_kept_from_another_does(
    kernel: Kernel, names: list[str], absent: list[int]
) -> None:
    """Whichever lane is left, the book is exact and nothing is missed."""
    with play(kernel) as process:
        lanes = lanes_of(kernel)
        for lane in absent:
            unhook([lanes.first, *lanes.copies][lane], names)
        next_act(process)
        book = next_act(process)
        found, missed = book_of(list(kernel.drain())), kernel.missed()

    assert set() == not_as_said(book, found, missed)
    assert kernel.losses().keys() <= {"hook_missed"}


@pytest.mark.parametrize("absent", [[], [0], [0, 1], [1]], ids=str)
def test_a_reset_is_told_once(kernel: Kernel, absent: list[int]) -> None:
    """By whichever lane is left, at both ends."""
    kernel.watch([os.getpid()])
    lanes = lanes_of(kernel)
    for lane in absent:
        unhook([lanes.first, *lanes.copies][lane], ["send_reset", "receive_reset"])
    with pair() as (client, server):
        client.sendall(REQUEST)
        receive(server, len(REQUEST))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    flows = kernel.drain()
    kernel.close()

    assert 1 == flow(flows, Role.SERVER).tcp.resets_sent
    assert 1 == flow(flows, Role.CLIENT).tcp.resets_received


@pytest.mark.parametrize("name", ["enter", "leave"])
def test_a_call_that_no_lane_saw_is_named(kernel: Kernel, name: str) -> None:
    """Its other moment tells of it: of each thread's calls all but the first or last."""
    with play(kernel) as process:
        lanes = lanes_of(kernel)
        for each in (lanes.first, *lanes.copies):
            unhook(each, [name])
        book = next_act(process)
        lost = kernel.losses()["calls_missed"]

    calls = sum(count for what, count in book.items() if what.endswith(("read", "write")))
    assert calls - 2 <= lost


def test_lanes_are_for_kernels_that_preempt_programs_of_calls() -> None:
    """Others have one, which costs nothing; the kernel's own symbols say which this is."""
    symbols = Path("/proc/kallsyms").read_text()

    assert lanes_here() == (LANES if " trace_call_bpf_faultable\n" in symbols else 1)
