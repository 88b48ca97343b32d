"""
The body of a sampled message, as text where it is text.

In: a head and the body's recorded bytes.  Out: text, or why there is none. Encodings are undone
within a ratio, so that a small body cannot become a large one.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from podwire.agent.sample.head import Head

MOST_TIMES = 100
MOST_BYTES = 8 * 1024 * 1024
"""A decoded body may be so many times its size, and so large."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a body says."""

    plain: bytes | None
    """Framing and encoding undone; None when that cannot be done."""

    charset: str
    """Of `plain`, when it is text; empty when it is not."""

    note: str = ""
    """For people: why the body is not shown."""

    is_bomb: bool = False
    """It would decode to much more than it is."""


def read(head: Head, body: bytes) -> Body:
    """Undo what the head says of the body."""
    content_type = (head.first(b"content-type") or b"text/html").decode("latin-1")
    chunked = (head.first(b"transfer-encoding") or b"").lower().endswith(b"chunked")
    framed = dechunked(body) if chunked else body
    codings = (head.first(b"content-encoding") or b"identity").lower().split(b",")
    for coding in reversed(codings):
        decoder = DECODERS.get(coding.strip())
        if decoder is None:
            name = coding.strip().decode("latin-1")
            return Body(None, "", f"[encoded with {name}, which is not decoded here]")
        try:
            framed = decoder(framed)
        except (zlib.error, EOFError):
            return Body(None, "", "[encoded, and what was recorded of it cannot be decoded]")
        except OverflowError:
            note = f"[decodes to more than {MOST_TIMES} times its size]"
            return Body(None, "", note, is_bomb=True)
    if not is_text(content_type):
        return Body(framed, "", f"[not plain, current content type: {content_type}]")
    return Body(framed, charset_of(content_type))


def is_text(content_type: str) -> bool:
    """
    Whether people can read it.

    >>> [is_text(t) for t in ("application/json; charset=utf-8", "application/problem+json", "a/b")]
    [True, True, False]
    """
    media = content_type.partition(";")[0].strip().lower()
    kind, _, form = media.partition("/")
    return (
        kind == "text"
        or form in ("json", "xml", "x-www-form-urlencoded", "javascript", "graphql", "yaml")
        or form.endswith(("+json", "+xml"))
    )


def charset_of(content_type: str) -> str:
    """
    The charset that a content type names; utf-8 when it names none, or one that nobody knows.

    >>> charset_of('text/html; charset="ISO-8859-1"'), charset_of("text/html; charset=nope")
    ('iso-8859-1', 'utf-8')
    """
    for part in content_type.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
            return charset if _is_known(charset) else "utf-8"
    return "utf-8"


def _is_known(charset: str) -> bool:
    try:
        b"?".decode(charset, "replace")
    except (LookupError, ValueError):
        return False
    return True


def dechunked(body: bytes) -> bytes:
    r"""
    The content of a chunked body; one that was cut gives what is there.

    >>> dechunked(b"4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n")
    b'Wikipedia'
    """
    parts: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\r\n", at)
        try:
            size = int(body[at:end].partition(b";")[0], 16) if end >= 0 else 0
        except ValueError:
            size = 0
        if size <= 0:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


def _inflate(data: bytes, window_bits: int) -> bytes:
    limit = min(MOST_BYTES, len(data) * MOST_TIMES)
    decoder = zlib.decompressobj(window_bits)
    plain = decoder.decompress(data, limit + 1)
    if len(plain) > limit:
        raise OverflowError
    return plain


def _deflate(data: bytes) -> bytes:
    """With the zlib wrapper, as it should be, or without, as some send it."""
    try:
        return _inflate(data, zlib.MAX_WBITS)
    except zlib.error:
        return _inflate(data, -zlib.MAX_WBITS)


def _gunzip(data: bytes) -> bytes:
    return _inflate(data, zlib.MAX_WBITS | 16)


DECODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"identity": lambda data: data,
    b"": lambda data: data,
    b"gzip": _gunzip,
    b"x-gzip": _gunzip,
    b"deflate": _deflate,
}
