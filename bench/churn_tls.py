"""
Ten minutes of pods that restart, each with a TLS library of its own: every image is a new file.

`python -m bench.churn_tls [--seconds 600]` runs agent and backend, and places in which clients of
one TLS server come and go.  A client is a fresh copy of a program (OpenSSL, GnuTLS, Go), so that
it is looked through and probed anew; half of them end well, half are killed in mid-session, and
their files are deleted.  What the agent holds may not grow with any of it.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.carry import watching
from bench.churn import KEEP_S, LOOKS, SECONDS, SETTLED_S, Holding, hold, show
from bench.machine import machine
from bench.stage import INSTANCE, SERVICE, Stage, keep_task
from bench.tls import PROGRAMS, clients, server
from podwire.app.programs import die_with_parent
from podwire.cli import find
from podwire.cli.tls import COVERAGE
from podwire.model.identity import instance_id, service_id
from podwire.wire.graphql import ask

PODS = 600
PLACES = 6
"""Clients that wait at the same time, to be found and probed; the oldest asks and makes room."""

REQUESTS = 20
ENDLESS = 1_000_000_000
UNDER_WAY_S = 0.1
"""After so long a client that asks without end is in its session."""


@dataclass(slots=True)
class Pod:
    """One client, and the only copy of its program."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    is_killed: bool

    def ask(self) -> None:
        """It has waited long enough."""
        assert self.process.stdin
        self.process.stdin.write(b"\n")
        self.process.stdin.close()

    def has_ended_well(self) -> bool:
        """Whether it did what it was there for; its image has gone with it."""
        if self.is_killed:
            time.sleep(UNDER_WAY_S)
            self.process.kill()
        code = self.process.wait(30)
        assert self.process.stdout
        self.process.stdout.close()
        shutil.rmtree(self.folder)
        return code == (-9 if self.is_killed else 0)


@dataclass(slots=True)
class Street:
    """Where pods come and go."""

    folder: Path
    port: int
    programs: Sequence[Path]
    pods: list[Pod] = field(default_factory=list)
    started: int = 0
    ended_well: int = 0

    def turn(self) -> None:
        """One more comes; when all places are taken, the oldest does its work and goes."""
        self.pods.append(self._start())
        if len(self.pods) > PLACES:
            self.leave()

    def leave(self) -> None:
        pod = self.pods.pop(0)
        pod.ask()
        self.ended_well += pod.has_ended_well()

    def close(self) -> None:
        while self.pods:
            self.leave()

    def _start(self) -> Pod:
        self.started += 1
        folder = self.folder / str(self.started)
        folder.mkdir()
        program = self.programs[self.started // 2 % len(self.programs)]
        is_killed = self.started % 2 == 0
        process = subprocess.Popen(
            [shutil.copy(program, folder), str(self.port), str(ENDLESS if is_killed else REQUESTS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent,
        )
        return Pod(folder, process, is_killed)


def restart(here: Stage, street: Street, seconds: float, pods: int) -> list[Holding]:
    """Let pods come at a steady rate; look at the agent when the places are full, and later."""
    start_s = kept_s = time.monotonic()
    found: list[Holding] = []
    for number in range(1, pods + 1):
        time.sleep(max(0.0, start_s + number * seconds / pods - time.monotonic()))
        street.turn()
        if number == 2 * PLACES or number % max(1, pods // LOOKS) == 0:
            found.append(hold(here, start_s, number))
        if time.monotonic() - kept_s > KEEP_S:
            keep_task(here.address)
            kept_s = time.monotonic()
    street.close()
    time.sleep(SETTLED_S)
    return [*found, hold(here, start_s, pods)]


def read(here: Stage, minutes: int) -> Iterator[str]:
    """What the backend says of connections, by the side that saw them."""
    instance = instance_id(service_id(SERVICE), INSTANCE)
    words = {"instance": instance, "duration": find.window(here.address, minutes)}
    edges = ask(here.address, COVERAGE, words)["tlsCoverage"]
    for side in sorted({each["side"] for each in edges}):
        mine = [each for each in edges if each["side"] == side]
        seen, readable = (sum(each[what] for each in mine) for what in ("connections", "readable"))
        why = Counter[str]()
        for each in (unread for edge in mine for unread in edge["unread"]):
            why[f"{each['library']}: {each['reason']}"] += each["connections"]
        yield f"{side.lower()}: {readable} of {seen} connections read; others: {dict(why)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    seconds = parser.parse_args().seconds
    pods = max(4 * PLACES, round(PODS * seconds / SECONDS))
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as port:
        programs = [Path(words[0]) for _, words in clients(Path(name)) if len(words) == 1]
        images = Path(name) / "images"
        images.mkdir()
        street = Street(images, port, programs)
        speaker = re.escape(f"{PROGRAMS / 'speak.py'} serve {name}")
        watched = (speaker, rf"^{re.escape(str(images))}/", r"-m bench\.churn_tls")
        with watching("|".join(watched)) as here:
            found = restart(here, street, seconds, pods)
            coverage = list(read(here, 2 + round(seconds / 60)))
    print(f"Measured on {machine()}; {len(programs)} programs in turn, {PLACES} at a time;")
    print(f"{street.ended_well} of {street.started} ended as they were to.\n")
    print("\n".join(coverage), end="\n\n")
    show(found, connections=1)


if __name__ == "__main__":
    main()
