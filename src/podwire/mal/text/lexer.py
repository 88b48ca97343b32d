"""
Rule text becomes tokens.

In: a `Source`.  Out: its tokens, comments and blanks left out, an end token last.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from podwire.mal.errors import RuleError, Source, Span


class Kind(StrEnum):
    """What a token is."""

    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    SIGN = "sign"
    END = "end of text"


PATTERNS = (
    ("blank", r"\s+"),
    ("comment", r"//[^\n]*|/\*.*?\*/"),
    (Kind.NUMBER, r"\d+(?:\.\d+)?"),
    (Kind.STRING, r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""),
    (Kind.NAME, r"[A-Za-z_][A-Za-z0-9_]*"),
    (Kind.SIGN, r"->|::|==|!=|&&|\|\||[-+*/!=.,()\[\]{};]"),
)
"""The first pattern that matches wins."""

TOKEN = re.compile("|".join(f"(?P<{kind.split()[0]}>{p})" for kind, p in PATTERNS), re.S)

ESCAPES = {"\\": "\\", "n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'"}
"""Any other escape keeps its backslash."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the language and where it stands."""

    kind: Kind
    text: str
    span: Span

    def __str__(self) -> str:
        return self.kind if self.kind is Kind.END else repr(self.text)


def lex(source: Source) -> tuple[Token, ...]:
    """
    Cut text into tokens.

    >>> [token.text for token in lex(Source("a.sum(['b']) // all"))]
    ['a', '.', 'sum', '(', '[', "'b'", ']', ')', '']
    """
    tokens = []
    position = 0
    while position < len(source.text):
        match = TOKEN.match(source.text, position)
        if match is None:
            raise _stray(source, position)
        span = Span(source, position, match.end())
        if match.lastgroup not in ("blank", "comment"):
            tokens.append(Token(Kind(match.lastgroup or ""), match.group(), span))
        position = match.end()
    return (*tokens, Token(Kind.END, "", Span(source, position, position)))


def _stray(source: Source, position: int) -> RuleError:
    character = source.text[position]
    message = "a string is not closed" if character in "'\"" else f"stray {character!r}"
    return RuleError(message, Span(source, position, position + 1))


def unquote(text: str) -> str:
    r"""
    The value of a string token.

    >>> unquote(r"'it\'s \d'")
    "it's \\d"
    """
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[0]), text[1:-1], flags=re.S)


def quote(value: str) -> str:
    r"""
    A string token with this value; the inverse of `unquote`.

    >>> quote("it's")
    "'it\\'s'"
    """
    for character, escape in (("\\", "\\"), ("'", "'"), ("\n", "n"), ("\r", "r"), ("\t", "t")):
        value = value.replace(character, f"\\{escape}")
    return f"'{value}'"
