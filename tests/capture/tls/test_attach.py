"""Probes hang once in a file, as long as a watched process uses it; what refuses is named."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from capture.tls.conftest import Open, Pair
from podwire.capture.tls import Binary, Family, Finder
from podwire.capture.tls.follow import Means
from podwire.capture.tls.link import Rung

pytestmark = pytest.mark.root


def links() -> int:
    """Links that this process holds by a file descriptor."""
    held = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum("link" in path.readlink().name for path in held if path.is_symlink())


class Spoiled(Finder):
    """Finds the libraries otherwise than they are."""

    def __init__(self, change: Callable[[Binary], Binary]) -> None:
        super().__init__()
        self._change = change

    def find(self, pid: int) -> tuple[Binary, ...]:
        return tuple(self._change(each) for each in super().find(pid))


def beyond(binary: Binary) -> Binary:
    """Its functions lie beyond its end."""
    points = (replace(each, offset=1 << 40) for each in binary.points)
    return replace(binary, points=tuple(points))


def test_two_processes_of_one_library_have_one_set_of_probes(pair: Pair) -> None:
    """Once per file, never per process."""
    pair.watch()
    pair.drive("/1", close=True)
    pair.settle()

    assert pair.kernel.tls
    assert 2 == sum(bool(found) for found in pair.kernel.tls.binaries.values())
    assert 1 == len(pair.kernel.tls.attached)


def test_probes_leave_after_the_last_process(opened: Open) -> None:
    """Nothing hangs in a library that no watched process has used for a while."""
    pair = opened(Means(linger_s=0))
    pair.watch()
    hanging = links()

    pair.kernel.watch([pair.client.pid])  # which has not loaded it
    pair.settle()

    assert pair.kernel.tls
    assert frozenset() == pair.kernel.tls.attached
    assert links() < hanging


@pytest.mark.parametrize("rung", list(Rung))
def test_a_library_that_refuses_is_named_and_the_rest_goes_on(opened: Open, rung: Rung) -> None:
    """The kernel's own word; its connections are counted as ciphertext."""
    pair = opened(Means(finder=Spoiled(beyond), rungs=(rung,)))
    pair.watch()

    pair.drive("/850", requests=3, close=True)
    pair.drain()

    assert pair.kernel.tls
    assert ["Invalid argument"] == list(pair.kernel.tls.refusals.values())
    assert (2, 0) == (
        sum(flow.tls.connections for flow in pair.flows),
        sum(flow.tls.readable for flow in pair.flows),
    )


def test_a_file_that_was_replaced_is_not_probed(opened: Open) -> None:
    """Its name leads to another one by now."""
    pair = opened(Means(finder=Spoiled(lambda binary: replace(binary, inode=1))))
    pair.watch()

    assert pair.kernel.tls
    assert ["another file has its name by now"] == list(pair.kernel.tls.refusals.values())


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(opened: Open, tmp_path: Path) -> None:
    """Whoever opened it to read would wait for a writer."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pair = opened(Means(finder=Spoiled(lambda binary: replace(binary, path=pipe))))
    pair.watch()

    assert pair.kernel.tls
    assert ["another file has its name by now"] == list(pair.kernel.tls.refusals.values())


def test_a_file_is_not_refused_for_a_process_that_left(opened: Open) -> None:
    """It was found, and gone when it was to be probed; others of its library are read."""
    has_left = True
    nowhere = Path("/proc/0/root/gone")
    finder = Spoiled(lambda binary: replace(binary, path=nowhere) if has_left else binary)
    pair = opened(Means(finder=finder))
    pair.watch()
    assert pair.kernel.tls
    assert (frozenset(), {}) == (pair.kernel.tls.attached, pair.kernel.tls.refusals)

    has_left = False
    pair.settle()

    pair.agrees(pair.drive("/850", requests=3, close=True))


def test_a_go_program_whose_returns_are_unknown_is_not_probed(opened: Open) -> None:
    """A probe at a return address of Go's stack would end the program."""
    pair = opened(Means(finder=Spoiled(lambda binary: replace(binary, family=Family.GO))))
    pair.watch()

    assert pair.kernel.tls
    why = ["it is not known where its functions return"]
    assert why == list(pair.kernel.tls.refusals.values())
