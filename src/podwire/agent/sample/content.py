"""
What leaves the node of one recorded message: text for people, bytes where text is not the same.

In: a recording and the rule's limit.  Out: `Content`, redacted unless the task says otherwise.
"""

import base64
from collections import Counter
from dataclasses import dataclass

from podwire.agent.sample import body as bodies
from podwire.agent.sample.head import bounded, read
from podwire.agent.sample.redact import Redactor
from podwire.model.exchange import Recording
from podwire.model.loss import Loss


@dataclass(frozen=True, slots=True)
class Content:
    """A message as it is shown and saved."""

    text: str
    raw: str | None
    """Base64 of the bytes on the socket where they differ from `text`; None where they do not."""

    missing: int
    """Bytes of the message that are not in it: cut, unreadable, or over a limit."""

    is_withheld: bool = False
    """The bytes stay on the node, because they could not be looked into for secrets."""


def content_of(
    recording: Recording, *, limit: int | None, redactor: Redactor | None, losses: Counter[str]
) -> Content:
    """Head and body together are at most `limit` bytes; None for no limit."""
    data = bounded(recording.data[:limit])
    head = read(data)
    top, below = data[: head.size], data[head.size :]
    body = bodies.read(head, below)
    if body.is_bomb:
        losses[Loss.SAMPLE_BODY_BOMB] += 1
    shown = body.note.encode() if body.plain is None or not body.charset else body.plain
    if redactor is None:
        text = _text(top, "latin-1") + _text(shown, body.charset or "utf-8")
        return _content(text, data, recording.size - len(data), is_withheld=False)
    masked_top, masked = redactor.head(top), redactor.text(shown)
    text = _text(masked_top, "latin-1") + _text(masked, body.charset or "utf-8")
    is_plain = body.plain == below
    # what is encoded and holds a secret, or cannot be decoded, cannot be masked in its bytes
    is_withheld = not is_plain and (body.plain is None or redactor.text(body.plain) != body.plain)
    raw = masked_top + (b"" if is_withheld else redactor.text(below) if is_plain else below)
    return _content(text, raw, recording.size - len(data), is_withheld=is_withheld)


def _content(text: str, raw: bytes, missing: int, *, is_withheld: bool) -> Content:
    is_same = text.encode() == raw
    encoded = None if is_same or is_withheld else base64.b64encode(raw).decode()
    return Content(text, encoded, max(0, missing), is_withheld)


def _text(data: bytes, charset: str) -> str:
    """Bytes as text; UTF-8 wherever it is valid, whatever the charset."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(charset, "replace")
