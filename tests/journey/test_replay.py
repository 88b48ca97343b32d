"""A recorded agent is played to another backend, and both answer alike."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from bench.stage import free_port, program

from conformance import test_meters as meters
from conformance import test_processes as processes
from conformance import test_records as records
from conformance.rover import Rover, single
from conformance.target import Target, wait, window
from podwire.wire.graphql import Refused, Unanswered, ask

Recording = tuple[Path, dict[str, Any], Rover]
"""A file, what the first backend made of it, and who spoke."""


@contextmanager
def started(folder: Path, name: str) -> Iterator[tuple[str, str]]:
    """The addresses of a `podwire backend` of its own: gRPC and HTTP."""
    address, http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    storage = f"chdb://{folder}/{name}"
    with program("backend", "--grpc", address, "--http", http, "--storage", storage):
        wait(name, lambda: is_there(http))
        yield address, http


@contextmanager
def backend(folder: Path, name: str) -> Iterator[Target]:
    """The same, with a line to it."""
    with started(folder, name) as (address, http), grpc.insecure_channel(address) as channel:
        yield Target(address, http, channel)


def is_there(http: str) -> bool:
    """Whether it answers."""
    try:
        return bool(ask(f"http://{http}", "{ version }"))
    except (Refused, Unanswered):
        return False


@contextmanager
def recorder(path: Path, to: str) -> Iterator[str]:
    """The address of a line to that backend that is written down."""
    port = free_port()
    with program("record", str(path), "--listen", f"127.0.0.1:{port}", "--to", to):
        wait("the recorder", lambda: is_listening(port))
        yield f"127.0.0.1:{port}"


def is_listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def say(line: Target) -> Rover:
    """Processes, meters of two minutes, a sampled request with its trace and event."""
    rover = Rover(line)
    rover.live("web", "service")
    last_ms = meters.last_minute_ms()
    for at_ms in (last_ms - 60_000, last_ms - 120_000):
        for _ in range(3):
            rover.meters(single(meters.WRITES, meters.to_remote(rover), 5), timestamp_ms=at_ms)
    rover.log(rover.sample(trace_id=f"trace-{rover.service}"))
    segment = f"segment-{rover.service}"
    spans = records.span(1, 0, records.EXIT, "GET:/")
    records.send_segment(rover, f"trace-{rover.service}", segment, spans)
    records.send_event(line, f"trace-{rover.service}", segment, "1", "data_direction=outbound")
    rover.poll()
    return rover


def answers(target: Target, said: Rover) -> dict[str, Any]:
    """What a backend knows of it; times left out."""
    rover = Rover(target, agent=said.agent, service=said.service)
    series = meters.values(rover, "process_relation_client_write_cpm", "web", "UNKNOWN_REMOTE")
    topology = rover.target.ask(meters.TOPOLOGY, instance=rover.instance_id, duration=window(60))
    spans = records.spans_of(target, f"trace-{said.service}")
    return {
        "processes": sorted(processes.listed(rover), key=lambda each: str(each["id"])),
        "series": series,
        "nodes": sorted(node["id"] for node in topology["nodes"]),
        "calls": sorted(str(call) for call in topology["calls"]),
        "records": records.read(rover, records.SLOW, "service", "UNKNOWN_REMOTE"),
        "spans": sorted(spans),
        "events": [each["event"] for s in spans.values() for each in s["attachedEvents"]],
    }


@pytest.fixture(scope="module")
def recording(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Recording]:
    """A recording, what the first backend made of it, and who spoke."""
    folder = tmp_path_factory.mktemp("recording")
    path = folder / "agent.rec"
    with backend(folder, "first") as first:
        with recorder(path, first.grpc) as line, grpc.insecure_channel(line) as channel:
            said = say(Target(line, "", channel))
        wait("everything", lambda: is_complete(answers(first, said)))
        yield path, answers(first, said), said


def is_complete(known: dict[str, Any]) -> bool:
    """Whether all that was said has been written."""
    return known["series"] == {"": ["15", "15"]} and bool(
        known["records"] and known["events"] and len(known["calls"]) == 2
    )


def replay(path: Path, to: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `podwire replay`."""
    command = [sys.executable, "-m", "podwire.cli", "replay", str(path), "--to", to, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_another_backend_answers_alike(recording: Recording, tmp_path: Path) -> None:
    """Services, processes, minutes, edges, records, spans and events."""
    path, expected, said = recording
    with backend(tmp_path, "second") as second:
        done = replay(path, second.grpc, "--speed", "100")

        assert (0, "") == (done.returncode, done.stderr)
        assert "refused" not in done.stdout
        wait("everything", lambda: is_complete(answers(second, said)))
        assert expected == answers(second, said)


def test_it_takes_as_long_as_it_took(recording: Recording, tmp_path: Path) -> None:
    """At half the speed twice as long."""
    from podwire.wire.recording import read

    path, _, _ = recording
    times = [entry.time_us / 1e6 for entry in read(path)]
    with backend(tmp_path, "third") as third:
        begun_s = time.monotonic()
        assert 0 == replay(path, third.grpc, "--speed", "0.5").returncode
        assert time.monotonic() - begun_s >= 2 * (times[-1] - times[0])


def test_a_replay_to_nobody_is_one_sentence(recording: Recording, tmp_path: Path) -> None:
    """Exit code 2; so is a file that is none."""
    done = replay(recording[0], f"127.0.0.1:{free_port()}")
    assert (2, 1) == (done.returncode, len(done.stderr.strip().splitlines()))
    assert "no backend answers" in done.stderr

    other = tmp_path / "other"
    other.write_text("text")
    done = replay(other, "127.0.0.1:1")
    assert (2, 1) == (done.returncode, len(done.stderr.strip().splitlines()))


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    """Nor is a port taken twice; each is one sentence."""
    there = tmp_path / "there"
    there.touch()
    command = [sys.executable, "-m", "podwire.cli", "record", str(there), "--to", "127.0.0.1:1"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert 2 == done.returncode
    assert "there" in done.stderr
    assert "" == there.read_text()
