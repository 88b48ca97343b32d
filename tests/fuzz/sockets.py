"""
Dialogues over real sockets, with the real hooks: what both ends counted, against the model.

Both ends are sockets of this process, which is watched. Each end's calls are what this code made;
its clock is not the model's, so durations are not compared.
"""

import os
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from itertools import pairwise
from random import Random

from fuzz.dialogue import Composer, Dialogue, cut
from fuzz.model import Call, Model
from podwire.capture import Kernel
from podwire.model.flow import Role

PIECES = (1, 2, 7, 8, 16, 17, 100, 512, 4096, 65536)


class Street:
    """A listener of ours and the kernel that watches us."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.kernel.watch([os.getpid()])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.lost = Counter(self.kernel.losses())

    @contextmanager
    def pair(self) -> Iterator[dict[bool, socket.socket]]:
        """A connection: its client's end by True, its server's by False."""
        client = socket.create_connection(self.listener.getsockname())
        server, _ = self.listener.accept()
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client, server:
            yield {True: client, False: server}

    def counts(self) -> tuple[dict[bool, tuple[object, ...]], Counter[str]]:
        """What each end counted since this was last asked, and what was lost."""
        found: dict[bool, tuple[object, ...]] = {}
        flows = [flow for flow in self.kernel.drain() if flow.http]
        for role in (Role.CLIENT, Role.SERVER):
            mine = [flow.http for flow in flows if flow.key.role is role and flow.http]
            responses: Counter[int] = Counter()
            for http in mine:
                responses.update(http.responses)
            found[role is Role.CLIENT] = (
                sum(http.requests for http in mine),
                sum(http.request_bytes for http in mine),
                +responses,
                sum(http.response_bytes for http in mine),
            )
        before, self.lost = self.lost, Counter(self.kernel.losses())
        return found, self.lost - before


@cache
def street() -> Street:
    return Street()


def talk(random: Random, *, faults: bool = False) -> None:
    """One dialogue: requests, statuses and sizes at both ends, and losses, equal the models'."""
    dialogue = Composer(random).compose(faults=faults)
    models = {True: Model(), False: Model()}
    with street().pair() as ends:
        for call in cut(random, dialogue.parts, is_client=True):
            _send(ends[call.is_sent], call)
            models[call.is_sent].take(replace(call, is_sent=True))
            for data in _receive(random, ends[not call.is_sent], len(call.data)):
                models[not call.is_sent].take(Call(is_sent=False, data=data))
        _hang_up(ends, models, dialogue)
    found, lost = street().counts()
    losses: Counter[str] = Counter()
    for is_client, model in models.items():
        counts = model.counts
        losses += counts.losses
        expected = (counts.requests, counts.request_bytes, +counts.responses)
        assert (*expected, counts.response_bytes) == found[is_client], is_client
    assert losses == lost


def talk_with_faults(random: Random) -> None:
    """The same with bytes that belong to no message."""
    talk(random, faults=True)


def _send(end: socket.socket, call: Call) -> None:
    """With the system call that makes what the model is told."""
    places = [0, *call.cuts, len(call.data)]
    if call.is_hidden:
        file = os.memfd_create("body")
        with os.fdopen(file, "wb+", buffering=0) as body:
            body.write(call.data)
            sent = os.sendfile(end.fileno(), file, 0, len(call.data))
    elif call.cuts:
        sent = end.sendmsg([call.data[a:b] for a, b in pairwise(places)])
    else:
        sent = end.send(call.data)
    assert len(call.data) == sent


def _receive(random: Random, end: socket.socket, size: int) -> Iterator[bytes]:
    """In pieces of any size, with either call."""
    while size:
        most = random.choice(PIECES)
        data = end.recv(most) if random.randrange(2) else os.read(end.fileno(), most)
        size -= len(data)
        yield data


def _hang_up(
    ends: dict[bool, socket.socket], models: dict[bool, Model], dialogue: Dialogue
) -> None:
    """The server closes first; the client reads that before it closes, too."""
    for is_client in (False, True):
        if is_client and dialogue.ends:
            assert ends[is_client].recv(1) == b""
            models[is_client].end(Call(is_sent=False, data=b""))
        with suppress(OSError):
            ends[is_client].close()
        for is_sent in (True, False):
            models[is_client].end(Call(is_sent=is_sent, data=b""))
        models[is_client].close(is_client=is_client)


TARGETS = {"real sockets, whole dialogues": talk, "real sockets, faults": talk_with_faults}
