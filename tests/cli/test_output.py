"""What others wrote is shown as it is: it commands neither our tables nor the terminal."""

import pytest
from typer.testing import CliRunner

from cli.test_exchange import event
from podwire.cli import request
from podwire.cli.main import app
from podwire.cli.output import Output, show

HOSTILE = "GET /[/b]\x1b[2J"
SHOWN = r"GET /[/b]\x1b[2J"


def test_a_table_shows_what_stands_there(capsys: pytest.CaptureFixture[str]) -> None:
    """A path that looks like markup ends no command, and clears no screen."""
    show([{"uri": HOSTILE}], Output.TABLE, columns=("uri",), empty="")
    assert ["uri", SHOWN] == [line.strip() for line in capsys.readouterr().out.splitlines()]


def test_a_request_shows_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first line, and its body."""
    content = f"{HOSTILE} HTTP/1.1\r\nHost: shop\r\n\r\nname={HOSTILE}"
    sent = event("HTTP Request Sampling", 1, data_type="request", data_content=content)
    monkeypatch.setattr(request, "ask", lambda *_: {"sampledEvents": [sent]})
    said = CliRunner().invoke(app, ["request", "trace"])
    assert 0 == said.exit_code
    assert "\x1b" not in said.output
    assert {f"{SHOWN} HTTP/1.1", "Host: shop", f"name={SHOWN}"} <= set(said.output.splitlines())
