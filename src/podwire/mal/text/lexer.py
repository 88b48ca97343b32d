"""
Rule text becomes tokens.

In: a `Source`.  Out: its tokens, comments and blanks left out, an end token last.
Characters that no word begins with are left out too, as SkyWalking does; `strays` names them.
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
    REGEX = "regular expression"
    SIGN = "sign"
    STRAY = "stray"
    END = "end of text"


PATTERNS = (
    ("blank", r"\s+"),
    ("comment", r"//[^\n]*|/\*.*?\*/"),
    (Kind.NUMBER, r"[0-9]+(?:\.[0-9]+)?"),
    (Kind.STRING, r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""),
    (Kind.NAME, r"[A-Za-z_][A-Za-z0-9_]*"),
    (Kind.SIGN, r"->|::|==|!=|>=|<=|=~|&&|\|\||\?\.|\?:|[-+*/!=<>.,()\[\]{};:?]"),
    (Kind.STRAY, r"."),
)
"""The first pattern that matches wins."""

TOKEN = re.compile("|".join(f"(?P<{kind.split()[0]}>{p})" for kind, p in PATTERNS), re.S)

REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/")
BEFORE_REGEX = frozenset({"=~", "(", ","})
"""After these signs a slash begins a regular expression; nothing can be divided there."""

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
    >>> [token.text for token in lex(Source("a =~ /b+/ $"))]
    ['a', '=~', '/b+/', '']
    """
    return tuple(token for token in _tokens(source) if token.kind is not Kind.STRAY)


def strays(source: Source) -> tuple[Token, ...]:
    """
    The characters that `lex` left out although they are no blanks.

    >>> [token.text for token in strays(Source("a.b() $"))]
    ['$']
    """
    return tuple(token for token in _tokens(source) if token.kind is Kind.STRAY)


def _tokens(source: Source) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while position < len(source.text):
        before = tokens[-1].text if tokens else ""
        kind, end = _word(source.text, position, is_regex=before in BEFORE_REGEX)
        if kind not in ("blank", "comment"):
            span = Span(source, position, end)
            tokens.append(Token(Kind(kind), source.text[position:end], span))
            if tokens[-1].text in ("'", '"'):
                raise RuleError("a string is not closed", span)
        position = end
    tokens.append(Token(Kind.END, "", Span(source, position, position)))
    return tokens


def _word(text: str, position: int, *, is_regex: bool) -> tuple[str, int]:
    if (
        is_regex
        and text.startswith("/", position)
        and text[position + 1 : position + 2] not in "/*"
    ):
        found = REGEX.match(text, position)
        if found is not None:
            return Kind.REGEX, found.end()
    match = TOKEN.match(text, position)
    if match is None or match.lastgroup is None:
        raise ValueError(f"no word at {position}")  # the last pattern matches anything
    names = {"regular": Kind.REGEX, "end": Kind.END}
    return names.get(match.lastgroup, match.lastgroup), match.end()


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
