"""What leaves the node of a message: exact where it may be, masked where it must be."""

import base64
import gzip
import zlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from podwire.agent.sample.content import Content, content_of
from podwire.agent.sample.head import MOST_HEADERS
from podwire.agent.sample.redact import RedactionSettings, Redactor
from podwire.model.exchange import Recording

SECRET = "hunter2-Sesame"
REDACTOR = Redactor(RedactionSettings(patterns=(r"\bcard \d{4}\b",)))


def content(
    data: bytes,
    *,
    limit: int | None = None,
    redactor: Redactor | None = REDACTOR,
    losses: Counter[str] | None = None,
) -> Content:
    """What is made of a message that was recorded whole."""
    recording = Recording(data, len(data), 0, 0)
    losses = Counter() if losses is None else losses
    return content_of(recording, limit=limit, redactor=redactor, losses=losses)


def response(body: bytes, *headers: str) -> bytes:
    """A response with these headers."""
    return "\r\n".join(("HTTP/1.1 200 OK", *headers, "", "")).encode() + body


@pytest.mark.parametrize(
    "kind",
    [
        "application/json; charset=utf-8",
        "text/plain",
        "application/problem+json",
        "application/xml",
        "application/x-www-form-urlencoded",
    ],
)
def test_text_is_shown_as_it_was(kind: str) -> None:
    """Byte for byte, so that nothing needs to be sent beside it."""
    data = response("naïve".encode(), f"Content-Type: {kind}")

    assert Content(data.decode(), None, 0) == content(data)


@pytest.mark.parametrize(
    ("coding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_an_encoded_body_is_shown_decoded(coding: str, encode: "type[bytes]") -> None:
    """With the bytes of the socket beside it."""
    data = response(encode(b"tea" * 50), f"Content-Encoding: {coding}")
    shown = content(data)

    assert shown.text.endswith("\r\n\r\n" + "tea" * 50)
    assert data == base64.b64decode(shown.raw or "")


def test_a_chunked_body_is_shown_whole() -> None:
    """Its framing is in the bytes beside it."""
    data = response(b"3\r\ntea\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
    shown = content(data)

    assert shown.text.endswith("\r\n\r\ntea")
    assert data == base64.b64decode(shown.raw or "")


def test_what_is_no_text_is_described_and_kept() -> None:
    """The note is the wire's; the bytes can be saved."""
    data = response(b"\x89PNG\r\n\xff", "Content-Type: image/png")
    shown = content(data)

    assert shown.text.endswith("[not plain, current content type: image/png]")
    assert data == base64.b64decode(shown.raw or "")


def test_a_bomb_stays_what_it_is() -> None:
    """A body that decodes to thousands of times its size is described and counted."""
    losses: Counter[str] = Counter()
    data = response(gzip.compress(bytes(50_000_000)), "Content-Encoding: gzip")
    shown = content(data, losses=losses)

    assert shown.text.endswith("[decodes to more than 100 times its size]")
    assert {"sample_body_bomb": 1} == losses


def test_what_was_cut_says_how_much() -> None:
    """By the recorder and by the rule's limit alike."""
    recording = Recording(b"GET / HTTP/1.1\r\n\r\nabc", 1000, 0, 0)
    shown = content_of(recording, limit=20, redactor=None, losses=Counter())

    assert Content("GET / HTTP/1.1\r\n\r\nab", None, 980) == shown


@pytest.mark.parametrize(
    "message",
    [
        f"GET /?a=1&token={SECRET}&b=2 HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nAUTHORIZATION: Bearer {SECRET}\r\n\r\n",
        f"GET / HTTP/1.1\r\nCookie: a=b;\r\n  c={SECRET}\r\nHost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nReferer: http://x/?api_key={SECRET}\r\n\r\n",
        f"GET / HTTP/1.1\nAuthorization: Bearer {SECRET}\n\nbody",
        f"GET / HTTP/1.1\r\nHost: x\nCookie: a={SECRET}\r\nAccept: y\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\n\nX-Api-Key : {SECRET}\n\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nSet-Cookie: a=b;\n\tc={SECRET}",
        f'POST / HTTP/1.1\r\n\r\n{{"user": "me", "passWord" : "{SECRET}\\"more"}}',
        f'POST / HTTP/1.1\r\n\r\n{{"password": "{SECRET}',
        f"POST / HTTP/1.1\r\n\r\nuser=me&password={SECRET}",
        f"POST / HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n<password x='1'>{SECRET}</password>",
        "POST / HTTP/1.1\r\nContent-Type: multipart/form-data\r\n\r\n--x\r\nContent-Disposition: "
        f'form-data; name="secret"\r\n\r\n{SECRET}\r\n--x--',
    ],
)
def test_a_planted_secret_leaves_in_no_form(message: str) -> None:
    """Neither as text nor as bytes; without redaction it would."""
    shown, bare = content(message.encode()), content(message.encode(), redactor=None)

    assert SECRET not in shown.text
    assert SECRET.encode() not in base64.b64decode(shown.raw or "")
    assert SECRET in bare.text + base64.b64decode(bare.raw or "").decode("latin-1")


def test_a_million_headers_are_cut() -> None:
    """As many are shown as are read; the rest is told in bytes, and no secret hides in it."""
    lines = [b"x-%d: 1\r\n" % number for number in range(1_000_000)]
    data = b"GET / HTTP/1.1\r\n" + b"".join(lines) + b"Cookie: a\r\n\r\n"
    shown = content(data)

    assert shown.text.encode() == b"GET / HTTP/1.1\r\n" + b"".join(lines[:MOST_HEADERS])
    assert len(data) == len(shown.text) + shown.missing


def test_many_lines_of_a_body_are_all_there() -> None:
    """It is headers that are counted."""
    data = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"tea\n" * 5_000

    assert data.decode() == content(data).text


def test_a_secret_in_an_encoded_body_keeps_its_bytes_back() -> None:
    """They cannot be masked, so they stay on the node, and the content says so."""
    body = gzip.compress(f"user=me&password={SECRET}".encode())
    shown = content(response(body, "Content-Encoding: gzip"))

    assert (None, True) == (shown.raw, shown.is_withheld)
    assert SECRET not in shown.text
    assert "user=me" in shown.text


def test_an_encoding_nobody_can_look_into_keeps_its_bytes_back() -> None:
    """It might hold anything."""
    assert content(response(b"\x8b\x02\x80", "Content-Encoding: br")).is_withheld


def test_patterns_of_ones_own_are_masked() -> None:
    """Wherever they match."""
    assert "[redacted]" == content(b"POST / HTTP/1.1\r\n\r\ncard 1234").text[-10:]


@given(some.binary(max_size=400), some.sampled_from(("gzip", "deflate", "chunked", "br", "")))
def test_no_message_raises(body: bytes, coding: str) -> None:
    """Bytes from the network become content, whatever their head says of them."""
    content(response(body, f"Content-Encoding: {coding}", f"Transfer-Encoding: {coding}"))
    content(body)
