"""What processes have of TLS: real ones, and what happens to their files meanwhile."""

import errno
import logging
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from capture.tls.program import LIBRARIES, running, static_openssl, stripped_openssl
from podwire.capture.tls import Binary, Family, Finder
from podwire.capture.tls.finder import MOST_MAPPED, Pace
from podwire.capture.tls.mapping import Mapped, mapped_in
from podwire.model.tls import Reason

PYTHON = ("import ssl; print('on', flush=True); import time; time.sleep(99)",)


def only(binaries: tuple[Binary, ...]) -> Binary:
    (found,) = binaries
    return found


def finder() -> Finder:
    """One that is in a hurry."""
    return Finder(pace=Pace(share=1.0))


def copied(source: Path, folder: Path) -> Path:
    return Path(shutil.copy(source, folder / "program"))


def test_a_mapped_library_is_found_and_opens_as_the_same_file() -> None:
    """Python maps the system's OpenSSL when it imports `ssl`."""
    with running(sys.executable, "-c", *PYTHON) as pid:
        found = only(finder().find(pid))
        assert found.path.samefile(LIBRARIES / "libssl.so.3")
    assert (Family.OPENSSL, "OpenSSL 3", "") == (found.family, found.library, found.why)
    assert (LIBRARIES / "libssl.so.3").stat().st_ino == found.inode


def test_a_process_without_tls_has_nothing() -> None:
    """No reason, either."""
    with running("sh", "-c", "echo on; exec sleep 99") as pid:
        assert () == finder().find(pid)


def test_a_file_is_looked_through_once_however_many_run_it() -> None:
    """And however often somebody asks."""
    looker, program = finder(), static_openssl()
    with running(program) as one, running(program) as other:
        first = looker.find(one)
        scanned = looker.scanned
        assert scanned > 1
        assert only(first).points == only(looker.find(other)).points
        assert first == looker.find(one)
        assert scanned == looker.scanned


def test_two_files_with_one_build_id_are_two(tmp_path: Path) -> None:
    """A copy whose functions are elsewhere would be probed in the wrong places."""
    looker = finder()
    stripped = copied(stripped_openssl(), tmp_path)
    with running(static_openssl()) as one, running(stripped) as other:
        whole, bare = only(looker.find(one)), only(looker.find(other))
    assert whole.build_id == bare.build_id != ""
    assert whole.is_readable
    assert not bare.is_readable
    assert whole.inode != bare.inode


@pytest.mark.root
def test_a_deleted_program_is_still_read(tmp_path: Path) -> None:
    """Through the mapping: its name leads nowhere, or to another file."""
    program = copied(static_openssl(), tmp_path)
    with running(program) as pid:
        program.unlink()
        shutil.copy("/bin/true", program)
        found = only(finder().find(pid))
        assert found.path.stat().st_ino == found.inode != program.stat().st_ino
    assert found.is_readable


def test_a_deleted_program_that_may_not_be_opened_is_named(tmp_path: Path) -> None:
    """As for an agent without the right to follow mappings: here, they are not there."""
    (tmp_path / "7").mkdir()
    line = "00400000-00401000 r-xp 00000000 fe:00 4711   /opt/shop/server (deleted)\n"
    (tmp_path / "7" / "maps").write_text(line)
    looker = Finder(tmp_path)
    found = only(looker.find(7))
    assert ("/opt/shop/server", Reason.GONE) == (found.name, found.reason)
    assert "CAP_CHECKPOINT_RESTORE" in found.remedy
    assert {Reason.GONE: 1} == looker.refused


def test_a_library_that_is_written_over_is_looked_through_again(tmp_path: Path) -> None:
    """The same name and inode, and another content."""
    library = tmp_path / "libtls.so"
    shutil.copy(LIBRARIES / "libssl.so.3", library)
    code = f"import ctypes; ctypes.CDLL({str(library)!r}); {PYTHON[0][12:]}"
    looker = finder()
    with running(sys.executable, "-c", code) as pid:
        before = next(each for each in looker.find(pid) if each.name == str(library))
        with library.open("r+b") as file:
            file.write(b"\0" * 64)
        after = next(each for each in looker.find(pid) if each.name == str(library))
    assert before.is_readable
    assert not after.is_readable
    assert (before.inode, before.device) == (after.inode, after.device)
    assert before.changed_ns < after.changed_ns


def test_a_child_that_forked_has_what_its_parent_has() -> None:
    """It executes nothing, and maps the same files."""
    code = "import os, ssl, time; print(os.fork() or '', flush=True); time.sleep(99)"
    looker = finder()
    with running(sys.executable, "-c", code) as pid:
        children = Path(f"/proc/{pid}/task/{pid}/children")
        deadline = time.monotonic() + 60
        while not children.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        child = int(children.read_text())
        try:
            parents, childs = only(looker.find(pid)), only(looker.find(child))
        finally:
            os.kill(child, 9)
    assert (parents.inode, parents.points) == (childs.inode, childs.points)


def test_a_process_that_has_left_has_nothing() -> None:
    """It is no error: processes leave at any time."""
    with running(static_openssl()) as pid:
        looker = finder()
        assert looker.find(pid)
    assert () == looker.find(pid)


def test_a_process_that_ends_while_it_is_looked_into_refuses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its list was read, and then it ended; its folder stays until its parent has asked for it."""
    looker = finder()
    with running(static_openssl()) as pid:

        def end_first(maps: bytes) -> tuple[Mapped, ...]:
            os.kill(pid, 9)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            return mapped_in(maps)

        monkeypatch.setattr("podwire.capture.tls.finder.mapped_in", end_first)
        assert () == looker.find(pid)
    assert not looker.refused


def test_a_broken_program_is_named_counted_and_said_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However many there are."""
    caplog.set_level(logging.WARNING)
    for pid, cut in ((7, 3000), (8, 4000), (9, 5000)):
        file = tmp_path / "root" / str(pid)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes((LIBRARIES / "libssl.so.3").read_bytes()[:cut])
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "root").symlink_to(file.parent)
        line = f"00400000-00401000 r-xp 0 fe:00 {file.stat().st_ino} /{pid}\n"
        (tmp_path / str(pid) / "maps").write_text(line)
    now = 0.0
    looker = Finder(tmp_path, clock=lambda: now)
    assert "cut short" in only(looker.find(7)).why
    assert "cut short" in only(looker.find(8)).why
    assert 1 == len(caplog.records)
    now = 61.0
    looker.find(9)
    assert 2 == len(caplog.records)
    assert {"file_scanned_total": 3, "file_broken_total": 3} == looker.statistics()


def test_a_file_system_that_is_gone_costs_its_files_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As of a server that answers no more: the other files of the process are read."""

    def gone(fd: int) -> int:
        if str(Path(f"/proc/self/fd/{fd}").readlink()).startswith(str(LIBRARIES / "libc")):
            raise OSError(errno.ESTALE, "Stale file handle")
        return os.fstat(fd).st_dev

    monkeypatch.setattr("podwire.capture.tls.finder.device_of", gone)
    looker = finder()
    with running(sys.executable, "-c", *PYTHON) as pid:
        assert only(looker.find(pid)).is_readable
    assert looker.refused[Reason.BROKEN]
    assert "Stale file handle" in caplog.text


def test_a_process_of_too_many_files_is_named(tmp_path: Path) -> None:
    """Each of forty thousand could be another file; the others wait for it no longer than that."""
    (tmp_path / "7").mkdir()
    lines = (f"{at:x}000-{at:x}fff r-xp 0 fe:00 {at} /{at}\n" for at in range(1, MOST_MAPPED + 9))
    (tmp_path / "7" / "maps").write_text("".join(lines))
    looker = Finder(tmp_path)
    *gone, last = looker.find(7)
    assert MOST_MAPPED == len(gone)
    assert ("8 files more", Reason.BROKEN) == (last.name, last.reason)
    assert f"more than {MOST_MAPPED} files" in last.why


def test_what_is_remembered_is_bounded() -> None:
    """The file that was asked for least recently is looked through again."""
    looker = Finder(pace=Pace(share=1.0), most_files=1)
    with running(static_openssl()) as pid:
        looker.find(pid)
        scanned = looker.scanned
        looker._looks.clear()
        looker.find(pid)
    assert looker.scanned == 2 * scanned
    assert 1 == len(looker._scans)


def test_looking_takes_its_share_of_a_core_and_no_more() -> None:
    """It sleeps four times as long as it works."""
    slept: list[float] = []
    pace = Pace(share=0.2, sleep=slept.append)
    begin = time.thread_time()
    pace.begin()
    while time.thread_time() - begin < 0.1:
        pace.pause()
    worked = time.thread_time() - begin
    assert 0.7 * worked < sum(slept) / 4 <= worked
