"""Host mode finds exactly the processes that a rule describes."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from podwire.discovery.host import Host, HostRule
from podwire.wire.process import properties_message

MARK = "podwire-test-discovery"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A real process whose command line holds the mark."""
    code = "import sys, time; sys.stdout.write('up'); sys.stdout.flush(); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, MARK], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.read(2)
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def rule(**patterns: str) -> HostRule:
    """A rule of the service `shop` with these patterns."""
    compiled = {name: re.compile(text) for name, text in patterns.items()}
    return HostRule(service="shop", instance="pod", process="{exe}-{pid}", **compiled)  # type: ignore[arg-type]


def test_a_command_line_is_matched(sleeper: subprocess.Popen[bytes]) -> None:
    """The process gets its rule's names, with the braces filled in."""
    (found,) = Host([rule(command_line=MARK)]).scan()

    assert sleeper.pid == found.pid
    assert ("shop", "pod") == (found.entity.service, found.entity.instance)
    assert re.fullmatch(rf"python3?[.\d]*-{sleeper.pid}", found.entity.process)
    assert ("pid", str(sleeper.pid)) in found.properties


def test_all_given_patterns_must_be_found(sleeper: subprocess.Popen[bytes]) -> None:
    """An executable that is another's rules the process out."""
    assert sleeper.poll() is None
    assert [] == Host([rule(command_line=MARK, executable="/no/such$")]).scan()
    assert 1 == len(Host([rule(command_line=MARK, executable="python")]).scan())


def test_a_rule_without_patterns_matches_nothing() -> None:
    """Watching a whole host is never an accident."""
    assert [] == Host([HostRule(service="everything")]).scan()


def test_the_first_matching_rule_names_the_process(sleeper: subprocess.Popen[bytes]) -> None:
    """Order is precedence."""
    assert sleeper.poll() is None
    rules = [rule(command_line=MARK), HostRule(service="late", command_line=re.compile(MARK))]

    assert ["shop"] == [found.entity.service for found in Host(rules).scan()]


def test_a_process_that_ended_is_gone(sleeper: subprocess.Popen[bytes]) -> None:
    """The next scan no longer has it, and it fails nothing."""
    host = Host([rule(command_line=MARK)])
    assert 1 == len(host.scan())
    sleeper.kill()
    sleeper.wait()

    assert [] == host.scan()


@pytest.fixture
def nameless(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real process whose name, and whose program's name, are no text in any encoding of ours."""
    program = tmp_path / MARK / os.fsdecode(b"\xff\xfe")
    program.parent.mkdir()
    shutil.copy("/bin/sleep", program)
    process = subprocess.Popen([program, "60"])
    while b"\xff\xfe" not in Path(f"/proc/{process.pid}/comm").read_bytes():
        assert process.poll() is None
    yield process
    process.kill()
    process.wait()


def test_a_name_that_is_no_text_is_reported_as_what_can_be_read_of_it(
    nameless: subprocess.Popen[bytes],
) -> None:
    """Nobody's name stops the agent from seeing everybody else, and the wire takes what is left."""
    (found,) = Host([rule(command_line=MARK)]).scan()

    assert f"\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}-{nameless.pid}" == (
        found.entity.process
    )
    assert properties_message(found).SerializeToString()
