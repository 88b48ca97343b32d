"""Pods that restart, each with a new image: nothing of those who left stays with the agent."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import cycle, repeat
from pathlib import Path

import pytest
from bench.account import accounts, entries_of

from capture.test_churn import GRACE_S, settled
from capture.tls.program import BUILD_TIMEOUT_S
from capture.tls.scene import ARCHIVES, GNUTLS, REQUESTS, SHARED, Scene, built, copied, staged
from capture.tls.test_families import go
from podwire.capture import slots
from podwire.capture.tls import Finder
from podwire.capture.tls.finder import Pace
from podwire.model.flow import Role

pytestmark = [pytest.mark.root, pytest.mark.timeout(BUILD_TIMEOUT_S)]
RESTARTS = 8
ENDLESS = 1_000_000_000
SPARE = 5
"""What the server may hold beside what it held at first: its flow, its listener, one connection."""


@pytest.fixture
def scene(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(slots, "STILL_READINGS", 1_000_000)
    monkeypatch.setattr(slots, "GRACE_S", GRACE_S)
    with staged(folder, Finder(pace=Pace(share=1.0))) as found:
        yield found


def held() -> tuple[int, int]:
    """Descriptors of this process, and links among them."""
    return len(list(Path("/proc/self/fd").iterdir())), len(accounts("link_type"))


def in_c() -> Iterator[Path]:
    """Programs in C, by all libraries in turn."""
    forms = (ARCHIVES, SHARED, GNUTLS)
    return cycle([built(*form) for form in forms])


def in_go() -> Iterator[Path]:
    """A program whose goroutines wait in reads that nobody ends when it is killed."""
    return repeat(go())


def restart(scene: Scene, image: Path, program: Path, *, is_killed: bool) -> None:
    """A client from a new file does its work, or is killed in the midst of it, and is gone."""
    image.mkdir()
    client = scene.start(copied(program, image), ENDLESS if is_killed else REQUESTS)
    scene.watch()
    if is_killed:
        scene.begin()
        deadline_s = time.monotonic() + 60
        while not scene.told(Role.CLIENT)["requests"] and time.monotonic() < deadline_s:
            scene.flows += scene.kernel.drain()
        client.kill()
        client.wait(60)
    else:
        scene.play()
    assert scene.told(Role.CLIENT)["requests"]
    scene.flows.clear()
    leave(scene, image)


def leave(scene: Scene, image: Path) -> None:
    """The only client has ended, and its file goes with it."""
    client = scene.clients.pop()
    for pipe in (client.stdin, client.stdout):
        assert pipe
        pipe.close()
    shutil.rmtree(image)
    scene.watch()


@pytest.mark.parametrize(
    ("programs", "is_killed"), [(in_c, False), (in_c, True), (in_go, False), (in_go, True)]
)
def test_nothing_is_left_of_pods_that_restart(
    scene: Scene, tmp_path: Path, programs: Callable[[], Iterator[Path]], *, is_killed: bool
) -> None:
    """Probes, links, descriptors and what the maps hold are after each as they were before."""
    scene.watch()
    assert scene.kernel.tls
    server, before = scene.kernel.tls.attached, held()
    entries = entries_of(os.getpid())["all"]
    for number, program in zip(range(RESTARTS), programs(), strict=False):
        restart(scene, tmp_path / str(number), program, is_killed=is_killed)

        assert (server, before) == (scene.kernel.tls.attached, held())
        left = settled(scene.kernel, lambda: entries_of(os.getpid())["all"], entries + SPARE)
        assert left <= entries + SPARE
