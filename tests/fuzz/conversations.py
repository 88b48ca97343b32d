"""
The HTTP machine of `bpf/` against the model: the same calls, the same counts.

Each target plays one dialogue cut in several ways, at either end; a difference is a finding.
"""

from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import cache
from random import Random

from fuzz.dialogue import Composer, Dialogue, cut
from fuzz.machine import Machine, play
from fuzz.model import Call, Counts, Model

CUTTINGS = 4
"""Ways in which each dialogue is cut."""


@cache
def machine() -> Machine:
    return Machine()


def whole(random: Random) -> None:
    """A good dialogue is counted as its composer booked it, without any loss, however cut."""
    dialogue = Composer(random).compose()
    for _ in range(CUTTINGS):
        found = _compare(random, dialogue, _cut(random, dialogue))
        book = dialogue.book
        assert (found.requests, found.request_bytes) == (book.requests, book.request_bytes)
        assert (+found.responses, found.response_bytes) == (book.responses, book.response_bytes)
        assert not +found.losses


def broken(random: Random) -> None:
    """What cannot be told apart is lost by name, and found again where it can be proven."""
    dialogue = Composer(random).compose(faults=True)
    for _ in range(CUTTINGS):
        _compare(random, dialogue, _cut(random, dialogue))


def joined(random: Random) -> None:
    """A connection that was open already is followed from its next provable message on."""
    dialogue = Composer(random).compose(faults=random.randrange(2) == 0)
    for _ in range(CUTTINGS):
        calls, is_client = _cut(random, dialogue)
        calls = calls[random.randrange(len(calls)) :]
        _compare(random, dialogue, (calls, is_client), is_from_middle=True)


def mutated(random: Random) -> None:
    """Bytes changed anywhere: still the same counts."""
    dialogue = Composer(random).compose()
    for _ in range(CUTTINGS):
        calls, is_client = _cut(random, dialogue)
        for _ in range(random.randrange(1, 4)):
            place = random.randrange(len(calls))
            calls[place] = replace(calls[place], data=_mutated(random, calls[place].data), cuts=())
        _compare(random, dialogue, (calls, is_client))


def _mutated(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    noise = bytes([random.choice(b"\r\n :,;0159afAF\0\xffHGP")])
    return (
        data[:at] + random.choice((noise, b"", noise + data[at : at + 1])) + data[at + 1 :] or b"x"
    )


def _cut(random: Random, dialogue: Dialogue) -> tuple[list[Call], bool]:
    is_client = random.randrange(2) == 0
    return cut(random, dialogue.parts, is_client=is_client), is_client


def _compare(
    random: Random,
    dialogue: Dialogue,
    side: tuple[Sequence[Call], bool],
    *,
    is_from_middle: bool = False,
) -> Counts:
    """The model's counts, which the kernel's must equal."""
    calls, is_client = side
    end = Call(is_sent=not is_client, data=b"", now_ns=calls[-1].now_ns + 1)
    ends = [end] if dialogue.ends or random.randrange(8) == 0 else []
    machine().open(is_client=is_client, is_from_middle=is_from_middle)
    kernel: Counts = play(machine(), calls, is_client=is_client, ends=ends)
    model: Counts = play(
        Model(is_from_middle=is_from_middle), calls, is_client=is_client, ends=ends
    )
    assert _plain(model) == _plain(kernel), calls
    return model


def _plain(counts: Counts) -> tuple[object, ...]:
    return astuple(replace(counts, responses=+counts.responses, losses=+counts.losses))


def replay(
    calls: Sequence[Call],
    *,
    is_client: bool,
    is_from_middle: bool = False,
    ends: Sequence[Call] = (),
) -> Counts:
    """The same calls through both; the kernel's counts, which are the model's."""
    machine().open(is_client=is_client, is_from_middle=is_from_middle)
    kernel: Counts = play(machine(), calls, is_client=is_client, ends=ends)
    model: Counts = play(
        Model(is_from_middle=is_from_middle), calls, is_client=is_client, ends=ends
    )
    assert _plain(model) == _plain(kernel)
    return kernel


TARGETS = {
    "http, whole dialogues": whole,
    "http, faults": broken,
    "http, joined in the middle": joined,
    "http, changed bytes": mutated,
}
