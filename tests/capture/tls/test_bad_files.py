"""Files in a bad state, through the whole capture: read or named, and nobody else pays for it."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from capture.tls.program import LIBRARIES, need, said_by
from capture.tls.scene import ARCHIVES, GNUTLS, SHARED, Scene, built, copied, staged
from podwire.capture.tls import Binary, Finder, attach, follow
from podwire.model.tls import Reason

pytestmark = pytest.mark.root
ENORMOUS = 40 << 30
"""Bytes that a file claims to have, nearly all of them a hole."""


@pytest.fixture
def finder() -> Finder:
    """What the source asks; a test may bring another one."""
    return Finder()


@pytest.fixture
def scene(folder: Path, finder: Finder) -> Iterator[Scene]:
    with staged(folder, finder) as found:
        yield found


def test_a_stripped_program_is_named_and_counted_as_ciphertext(
    scene: Scene, tmp_path: Path
) -> None:
    """Its connections are there, unread; the server's end of them is read."""
    bare = tmp_path / "bare"
    subprocess.run([need("strip"), "-o", str(bare), str(built(*ARCHIVES))], check=True)
    client = scene.start(bare)
    scene.watch()
    (found,) = scene.libraries(client)
    scene.play()

    assert (str(bare), Reason.STRIPPED) == (found.path, found.reason)
    scene.is_ciphertext()


def test_a_broken_file_is_named_and_counted_as_ciphertext(
    scene: Scene, finder: Finder, tmp_path: Path
) -> None:
    """It runs, because the kernel does not read what is broken: the table of its sections."""
    program = copied(built(*ARCHIVES), tmp_path)
    with program.open("r+b") as file:
        file.seek(0x28)  # e_shoff of ELF64
        file.write((1 << 62).to_bytes(8, "little"))
    client = scene.start(program)
    scene.watch()
    (found,) = scene.libraries(client)
    scene.play()

    assert (str(program), Reason.BROKEN) == (found.path, found.reason)
    assert {Reason.BROKEN: 1} == finder.refused
    scene.is_ciphertext()


def test_an_enormous_file_is_read(scene: Scene, tmp_path: Path) -> None:
    """What has no end is not gone through: only its tables are."""
    program = copied(built(*ARCHIVES), tmp_path)
    with program.open("r+b") as file:
        file.truncate(ENORMOUS)
    scene.start(program)
    scene.watch()
    scene.play()

    scene.is_exact()


def test_a_program_whose_file_was_deleted_is_read(scene: Scene, tmp_path: Path) -> None:
    """Through what it still maps of it."""
    program = copied(built(*ARCHIVES), tmp_path)
    scene.start(program)
    program.unlink()
    scene.watch()
    scene.play()

    scene.is_exact()


def test_an_upgrade_in_place_leaves_old_and_new_read(scene: Scene, tmp_path: Path) -> None:
    """One name, two files: those that run the old one go on with it."""
    program = copied(built(*ARCHIVES), tmp_path)
    scene.start(program)
    scene.watch()
    copied(built(*GNUTLS), tmp_path, "fresh").rename(program)
    scene.start(program)
    scene.watch()
    scene.play()

    assert scene.kernel.tls
    assert 3 == len(scene.kernel.tls.attached)  # the server's library, the old one and GnuTLS
    scene.is_exact()


def test_a_program_that_is_copied_over_runs_and_is_read(folder: Path, tmp_path: Path) -> None:
    """Stopped, written over, started: a probe at an old place, in another instruction, ends it."""
    fresh, old = (built(*ARCHIVES, *pad, source="odd.c") for pad in ((), ("-DPADDED=16",)))
    program = copied(old, tmp_path)
    with staged(folder, Finder(), linger_s=60) as scene:
        scene.start(program)
        scene.watch()
        scene.play()
        scene.clients.clear()
        scene.flows.clear()
        copied(fresh, tmp_path)  # the same file, with another content
        scene.watch()
        scene.start(program)
        scene.watch()
        scene.play()

        scene.is_exact()


def link_ids() -> set[str]:
    """Links that this process holds, as the kernel numbers them."""
    found: set[str] = set()
    for each in Path("/proc/self/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # of a file that was closed meanwhile
            lines = each.read_text().splitlines()
            found.update(line for line in lines if line.startswith("link_id:"))
    return found


def test_a_program_that_changes_its_name_alone_keeps_its_probes(
    scene: Scene, tmp_path: Path
) -> None:
    """As an upgrade does to it: whoever waits in a call just then must be seen to return."""
    program = copied(built(*ARCHIVES), tmp_path)
    scene.start(program)
    scene.watch()
    assert scene.kernel.tls
    before = scene.kernel.tls.attached
    hanging = link_ids()
    program.rename(tmp_path / "old")
    (tmp_path / "old").unlink()
    scene.watch()

    assert before == scene.kernel.tls.attached
    assert hanging == link_ids()
    scene.play()
    scene.is_exact()


def test_a_program_that_is_written_to_loses_its_probes_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when the next look is due: by then, somebody may have started it."""
    monkeypatch.setattr(follow, "EVERY_S", 300.0)
    monkeypatch.setattr(follow, "SELDOM_S", 300.0)
    program = copied(built(*ARCHIVES), tmp_path)
    with staged(folder, Finder(), linger_s=600) as scene:
        scene.start(program)
        scene.watch()
        assert scene.kernel.tls
        assert 2 == len(scene.kernel.tls.attached)
        scene.play()
        copied(built("-DGNUTLS", "-lgnutls"), tmp_path)
        deadline = time.monotonic() + 30
        while 1 != len(scene.kernel.tls.attached) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert 1 == len(scene.kernel.tls.attached)  # the server's library


def test_a_library_under_two_names_is_counted_once(scene: Scene, tmp_path: Path) -> None:
    """Two links to one file: one set of probes."""
    shared = LIBRARIES / "libssl.so.3"
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
    library = copied(shared, tmp_path / "left", "libssl.so.3")
    (tmp_path / "right" / "libssl.so.3").hardlink_to(library)
    for name in ("left", "right"):
        scene.start(built(*SHARED), LD_LIBRARY_PATH=str(tmp_path / name))
    scene.watch()
    scene.play()

    assert scene.kernel.tls
    assert 2 == len(scene.kernel.tls.attached)  # the server's library, and the one of both clients
    scene.is_exact()


def test_a_file_that_found_no_room_is_tried_again(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as another one is not probed any more."""
    monkeypatch.setattr(attach, "MOST_FILES", 2)  # place 0 is nobody's
    client = scene.start(built(*ARCHIVES))
    scene.watch()
    assert scene.kernel.tls
    assert ["1 files are probed already"] == list(scene.kernel.tls.refusals.values())

    probed = scene.server if scene.libraries(client)[0].reason else client
    scene.kernel.watch([each.pid for each in (scene.server, client) if each is not probed])
    assert scene.kernel.tls.wait(30)
    assert 1 == len(scene.kernel.tls.attached)
    assert {} == scene.kernel.tls.refusals


def test_a_file_of_an_image_is_one_in_all_its_containers(
    scene: Scene, finder: Finder, tmp_path: Path
) -> None:
    """Each shows it by another device; probed in each, a call would cost as often."""
    for name in ("image", "nothing", "root"):
        (tmp_path / name).mkdir()
    copied(built(*ARCHIVES), tmp_path / "image")
    mount = f"mount -t overlay o -o lowerdir={tmp_path}/image:{tmp_path}/nothing {tmp_path}/root"
    container = tmp_path / "container"
    inside = f"{mount} && exec {tmp_path}/root/drive $0 $1"
    container.write_text(f"#!/bin/sh\nexec unshare --mount sh -c '{inside}' $1 $2\n")
    container.chmod(0o755)
    clients = [scene.start(container) for _ in range(2)]
    scene.watch()
    one, other = (finder.find(each.pid)[0].path.stat() for each in clients)
    scene.play()

    assert one.st_dev != other.st_dev
    assert scene.kernel.tls
    assert 2 == len(scene.kernel.tls.attached)  # the server's library, and the program
    scene.is_exact()


def test_a_library_that_a_process_maps_twice_is_counted_once(scene: Scene) -> None:
    """A second mapping of its code, at other addresses, is no second library."""
    twice = f'-DTWICE="{LIBRARIES / "libssl.so.3"}"'
    scene.start(built(*SHARED, twice, source="odd.c"))
    scene.watch()
    scene.play()

    scene.is_exact()


def test_a_child_that_forked_is_read(scene: Scene) -> None:
    """It executes nothing; the session was begun by its parent, which alone was there to watch."""
    scene.start(built(*ARCHIVES, "-DFORKS", source="odd.c"))
    scene.watch()
    scene.play()

    scene.is_exact()


def test_two_programs_with_one_build_id_are_both_read(scene: Scene) -> None:
    """Their functions are at different places; probes by build-id would hang at wrong ones."""
    build_id = "c0ffee" * 4
    same = f"-Wl,--build-id=0x{build_id}"
    padded = built(*ARCHIVES, same, "-DPADDED=1048576", source="odd.c")
    programs = built(*ARCHIVES, same), padded
    assert all(f"Build ID: {build_id}\n" in said_by("readelf", "-n", each) for each in programs)
    for each in programs:
        scene.start(each)
    scene.watch()
    scene.play()

    scene.is_exact()


class Misled(Finder):
    """Places the functions of programs, though not of libraries, beyond their ends."""

    def find(self, pid: int) -> tuple[Binary, ...]:
        return tuple(_misplaced(each) for each in super().find(pid))


def _misplaced(binary: Binary) -> Binary:
    if ".so" in binary.name:
        return binary
    points = tuple(replace(each, offset=1 << 40) for each in binary.points)
    return replace(binary, points=points)


@pytest.mark.parametrize("finder", [Misled()])
def test_a_file_that_takes_no_probes_is_named_beside_those_that_do(scene: Scene) -> None:
    """The kernel says no to one file; the others of its processes are probed all the same."""
    client = scene.start(built(*ARCHIVES))
    scene.watch()
    (found,) = scene.libraries(client)
    scene.play()

    assert Reason.REFUSED is found.reason
    assert scene.kernel.tls
    assert ["Invalid argument"] == list(scene.kernel.tls.refusals.values())
    scene.is_ciphertext()
