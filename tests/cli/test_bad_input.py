"""
What an operator can mend is one sentence on standard error and exit code 2.

Every case runs the real program.
"""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

CLI = [sys.executable, "-m", "podwire.cli"]
MAY_READ = "-all,+dac_read_search"  # Python and podwire may be installed under /root
UNPRIVILEGED = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *(f"--inh-caps={MAY_READ}", f"--ambient-caps={MAY_READ}"),
)


def run(*arguments: str, user: str | None = None) -> tuple[int, str]:
    """Exit code and standard error of a program that must end by itself."""
    done = subprocess.run([*CLI, *arguments], capture_output=True, text=True, timeout=60, user=user)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.strip()


def sentence(*arguments: str) -> str:
    """The one sentence that a program ends with, and that it is only one."""
    code, message = run(*arguments)
    assert 2 == code, message
    assert 1 == len(message.splitlines()), message
    return message


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("option", ["--http", "--grpc"])
def test_a_port_in_use_is_named(taken: str, option: str, tmp_path: Path) -> None:
    """The backend says which address it could not listen on."""
    other = {"--http": "--grpc", "--grpc": "--http"}[option]

    message = sentence(
        "backend", option, taken, other, "127.0.0.1:0", "--storage", f"chdb://{tmp_path}/store"
    )
    assert f"cannot listen on {taken}" in message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("backend: [", "not YAML"),
        ("backend: {gprc: 'x'}", "unknown key 'gprc'"),
        ("agent-analyzer: {default: {meterAnalyzerActiveFiles: nope}}", "no rule file 'nope'"),
        ("backend: {http: everywhere}", "'everywhere' is not HOST:PORT"),
        ("backend: {http: '127.0.0.1:0', storage: 'mysql://x'}", "is no store"),
    ],
)
def test_a_broken_configuration_is_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    """It says what is wrong and, where there is a choice, what could stand there."""
    config = tmp_path / "podwire.yaml"
    config.write_text(f"{text}\n")

    assert complaint in sentence("backend", "--config", str(config))


def test_a_broken_rule_file_says_line_and_column(tmp_path: Path) -> None:
    """A rule's author finds the place."""
    (tmp_path / "mine.yaml").write_text(
        "metricPrefix: m\nmetricsRules:\n  - name: a\n    exp: nothing.sumup(['x'])\n"
    )
    config = tmp_path / "podwire.yaml"
    config.write_text(
        f"backend: {{rules: {tmp_path}}}\n"
        "agent-analyzer: {default: {meterAnalyzerActiveFiles: mine}}\n"
    )

    code, message = run("backend", "--config", str(config))
    assert 2 == code
    assert "mine.yaml:4" in message
    assert "sumup" in message


def test_an_agent_without_rules_for_its_host_says_so() -> None:
    """It would watch nobody for ever."""
    assert "agent.hosts" in sentence("agent")


@pytest.mark.parametrize(
    "arguments",
    [
        ["topology", "--service", "s", "--instance", "i"],
        ["metrics", "m", "--service", "s", "--instance", "i", "--source", "a", "--target", "b"],
        ["task", "list"],
    ],
)
def test_a_backend_that_is_not_there_is_named(arguments: list[str]) -> None:
    """The address that was tried is in the message."""
    assert "127.0.0.1:9" in sentence(*arguments, "--address", "http://127.0.0.1:9")


def test_a_sampling_file_is_refused_with_its_key(tmp_path: Path) -> None:
    """Nothing is sent to a backend before the file is understood."""
    path = tmp_path / "sampling.yaml"
    path.write_text("samplings: [{when_4xx: true, when_5xx: true}]\n")

    message = sentence(
        "task", "create", "--service", "s", "--instance", "i", "--sampling-config", str(path)
    )
    assert "'setting'" in message


@pytest.mark.root
def test_without_root_the_agent_says_what_it_needs() -> None:
    """One message that names the way out, and nothing is left behind."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write("agent: {hosts: [{service: s, command_line: x}]}\n")
        config.flush()
        Path(config.name).chmod(0o644)
        command = [*CLI, "agent", "--config", config.name]

        done = subprocess.run([*UNPRIVILEGED, *command], capture_output=True, text=True, timeout=60)

    assert 2 == done.returncode, done.stderr
    assert "root" in done.stderr
    assert 1 == len(done.stderr.strip().splitlines())
