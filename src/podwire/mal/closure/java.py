"""
The corners of Java that rules can see: numbers as text, regular expressions, splitting.

In: Python values.  Out: what a JVM would have made of them.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

LONG_MAX = 2**63 - 1
LONG_MIN = -(2**63)

DOUBLE = re.compile(
    r"[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?)"
)
INTEGER = re.compile(r"[+-]?[0-9]+")


def parse_double(text: str) -> float:
    """
    A number as Double.parseDouble reads it. Raises `ValueError`.

    >>> parse_double(" 1.5e3 "), parse_double("-Infinity")
    (1500.0, -inf)
    """
    trimmed = trim(text)
    if not DOUBLE.fullmatch(trimmed):
        raise ValueError(f"no number: {text[:40]!r}")
    return float(trimmed.rstrip("fFdD") if trimmed[-1] in "fFdD" else trimmed)


def parse_int(text: str) -> int:
    """A number as Integer.parseInt reads it: 32 bits, no blanks. Raises `ValueError`."""
    if not INTEGER.fullmatch(text) or len(text) > 11 or not -(2**31) <= int(text) < 2**31:
        raise ValueError(f"no whole number of 32 bits: {text[:40]!r}")
    return int(text)


def double_text(value: float) -> str:
    """
    A double as Java writes it.

    >>> [double_text(value) for value in (100.0, 1e7, 0.00025, 123456789.5, float("inf"))]
    ['100.0', '1.0E7', '2.5E-4', '1.234567895E8', 'Infinity']
    """
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(float(value))
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    fraction = "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{digits[0]}.{fraction}E{int(exponent) + len(digits) - 1}"


def to_long(value: float) -> int:
    """A cast to long: cut towards zero, saturating, 0 for what is no number."""
    if value != value:
        return 0
    return min(int(max(-(2.0**63), min(value, 2.0**63))), LONG_MAX)


def trim(text: str) -> str:
    """Without what is not above U+0020 at both ends."""
    blank = "".join(map(chr, range(0x21)))
    return text.strip(blank)


# Regular expressions.

CLASSES = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Blank": r" \t",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
    "L": "a-zA-Z",
    "Lu": "A-Z",
    "Ll": "a-z",
    "IsAlphabetic": "a-zA-Z",
    "IsDigit": "0-9",
}
PIECE = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)|\\[pP]\{(?P<kind>\w+)\}|\\(?P<end>[zZhRe])|(?P<escape>\\.)"
    r"|\(\?<(?P<name>[A-Za-z]\w*)>|(?P<bracket>[\[\]])|(?P<sets>&&|[|~])",
    re.S,
)
ENDS = {
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "h": r"[ \t\xa0]",
    "R": r"(?:\r\n|[\n-\r\x85])",
    "e": r"\x1b",
}


@lru_cache(maxsize=1_000)
def compile_regex(pattern: str) -> re.Pattern[str]:
    r"""
    A regular expression in Java's dialect. Raises `re.error`.

    >>> compile_regex(r"(?<pod>\p{Alpha}+)-\Qa.b\E").fullmatch("web-a.b")["pod"]
    'web'
    """
    return re.compile("".join(_translated(pattern)), re.ASCII)


def _translated(pattern: str) -> Iterator[str]:
    position = inside = 0
    for match in PIECE.finditer(pattern):
        yield pattern[position : match.start()]
        position = match.end()
        if match["bracket"]:
            inside = max(0, inside + (1 if match["bracket"] == "[" else -1))
            yield "\\[" if inside > 1 and match["bracket"] == "[" else match["bracket"]
            inside = min(inside, 1)
        else:
            yield _piece(match, is_inside=inside > 0)
    yield pattern[position:]


def _piece(match: re.Match[str], *, is_inside: bool) -> str:
    if match["quoted"] is not None:
        return re.escape(match["quoted"])
    if match["kind"]:
        return _class(match[0], match["kind"], is_inside=is_inside)
    if match["end"]:
        return ENDS[match["end"]]
    if match["sets"]:
        return _sets(match["sets"]) if is_inside else match["sets"]
    if match["name"]:
        return f"(?P<{match['name']}>"
    return match["escape"]


def _sets(sign: str) -> str:
    """Signs that may mean something inside a class some day."""
    if sign == "&&":
        raise re.error("intersections of character classes are not understood")
    return f"\\{sign}"


def _class(text: str, kind: str, *, is_inside: bool) -> str:
    if kind not in CLASSES or (is_inside and text[1] == "P"):
        raise re.error(f"unknown character class {text}")
    if is_inside:
        return CLASSES[kind]
    return f"[{'^' if text[1] == 'P' else ''}{CLASSES[kind]}]"


REPLACEMENT = re.compile(r"\\(.)|\$(\d)|\$\{(\w+)\}|([\\$])", re.S)


def replace(pattern: str, replacement: str, text: str, count: int = 0) -> str:
    r"""
    What replaceAll does; `$1` and `${name}` are groups, a backslash takes the next one as it is.

    >>> replace("(a)(b)", r"$2\$$1", "ab ab")
    'b$a b$a'
    """
    regex = compile_regex(pattern)

    def fill(match: re.Match[str]) -> str:
        def part(piece: re.Match[str]) -> str:
            if piece[4]:
                raise re.error("illegal group reference")
            return piece[1] or match[int(piece[2]) if piece[2] else piece[3]] or ""

        return REPLACEMENT.sub(part, replacement)

    return regex.sub(fill, text, count)


def split(pattern: str, text: str, limit: int = 0) -> list[str]:
    """
    What String.split does: empty texts at the end are dropped unless a limit says otherwise.

    >>> split(",", "a,,b,,"), split(",", "a,b,,", -1), split("", "ab")
    (['a', '', 'b'], ['a', 'b', '', ''], ['a', 'b'])
    """
    parts: list[str] = []
    position = 0
    for match in compile_regex(pattern).finditer(text):
        if match.end() == 0 or (match.start() == match.end() == len(text)):
            continue  # nothing matched at the very beginning or end makes no part
        if limit > 0 and len(parts) == limit - 1:
            break
        parts.append(text[position : match.start()])
        position = match.end()
    if not parts and position == 0:
        return [text]
    parts.append(text[position:])
    while limit == 0 and parts and not parts[-1]:
        parts.pop()
    return parts
