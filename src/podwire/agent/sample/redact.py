"""
Secrets are masked on the node, before anything of a sampled request leaves it.

In: raw heads and bodies.  Out: the same with values replaced, keys kept. Patterns run in RE2, on
bytes, so that no body can make them slow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import re2

MASK = b"[redacted]"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionSettings:
    """What is masked in sampled requests; a task may switch the masking off."""

    headers: tuple[str, ...] = (
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "x-auth-token",
    )
    """Headers whose whole value is masked, whatever its case."""

    fields: tuple[str, ...] = (
        "password",
        "passwd",
        "pwd",
        "secret",
        "client_secret",
        "token",
        "access_token",
        "refresh_token",
        "id_token",
        "api_key",
        "apikey",
    )
    """Names whose value is masked in query strings, forms, JSON and XML, whatever their case."""

    patterns: tuple[str, ...] = ()
    """More regular expressions (RE2); what one of them matches is masked, in heads and bodies."""


class Redactor:
    """Masks as settings say. Raises ValueError for a pattern that RE2 does not know."""

    def __init__(self, settings: RedactionSettings) -> None:
        self._headers = frozenset(name.lower().encode() for name in settings.headers)
        fields = "|".join(map(re2.escape, settings.fields))
        self._masks = [
            *((_compiled(form.replace("FIELDS", fields)), r"\1" + text) for form, text in FORMS),
            *((_compiled(pattern), MASK.decode()) for pattern in settings.patterns),
        ]
        if not settings.fields:
            self._masks = self._masks[len(FORMS) :]

    def head(self, head: bytes) -> bytes:
        r"""
        A head with the values of secret headers and fields masked.

        >>> Redactor(RedactionSettings()).head(b"GET /?token=1&a=2 HTTP/1.1\r\nCookie: x\r\n\r\n")
        b'GET /?token=[redacted]&a=2 HTTP/1.1\r\nCookie: [redacted]\r\n\r\n'
        """
        kept = []
        is_masked = False
        for number, line in enumerate(head.split(b"\n")):  # servers take a line feed alone, too
            name, colon, _ = line.partition(b":")
            if line[:1] in (b" ", b"\t") and number:  # a folded header goes on
                kept += [] if is_masked else [line]
                continue
            is_masked = bool(number and colon and name.strip().lower() in self._headers)
            end = b"\r" if line.endswith(b"\r") else b""
            kept.append(name + b": " + MASK + end if is_masked else line)
        return self.text(b"\n".join(kept))

    def text(self, text: bytes) -> bytes:
        r"""
        A body, or a part of one, with the values of secret fields masked.

        >>> Redactor(RedactionSettings()).text(b'{"Password": "a\\"b", "n": 1}')
        b'{"Password": "[redacted]", "n": 1}'
        """
        for pattern, replacement in self._masks:
            text = pattern.sub(replacement.encode(), text)
        return text


FORMS: Sequence[tuple[str, str]] = (
    (r'(?i)("(?:FIELDS)"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?$)', '"[redacted]"'),
    (r'(?i)("(?:FIELDS)"\s*:\s*)[-+0-9a-z.]+', '"[redacted]"'),
    (r"(?i)((?:^|[?&;\n\s])(?:FIELDS)=)[^&;\s]*", "[redacted]"),
    (r"(?i)(<(?:FIELDS)(?:\s[^>]*)?>)[^<]*", "[redacted]"),
    (r'(?i)(name="(?:FIELDS)"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n)[^\r\n]*', "[redacted]"),
)
"""JSON texts (also cut ones), JSON numbers, forms and queries, XML, parts of a multipart form."""


def _compiled(pattern: str) -> "re2._Regexp[bytes]":
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        raise ValueError(f"the redaction pattern {pattern!r} cannot be used: {error}") from error
