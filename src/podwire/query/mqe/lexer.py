r"""
Text becomes words, one when it is asked for: what stands behind an expression is never read.

In: an expression.  Out: words with their place. The longest word wins, so `average` is a name
and `1.5` one number; keywords are no names.
"""

import re
from dataclasses import dataclass

KEYWORDS = frozenset(
    {
        *("avg", "count", "latest", "max", "min", "sum"),
        *("abs", "ceil", "floor", "round", "increase", "rate", "view_as_seq", "is_present"),
        *("baseline", "value", "upper", "lower"),
        *("top_n", "top_n_of", "attr0", "attr1", "attr2", "attr3", "attr4", "attr5"),
        *("relabels", "aggregate_labels", "sort_values", "sort_label_values"),
    }
)
ANY_CASE = frozenset({"asc", "des", "bool"})

SPACE = re.compile(r"[ \t\r\n]*")
WORD = re.compile(
    r"""(?P<decimal>[0-9]+\.[0-9]+)
      | (?P<name>[A-Za-z0-9_]+)
      | (?P<text>'[^']*'|"[^"]*")
      | (?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%<>(){}\[\].,=])""",
    re.VERBOSE,
)


class ExpressionError(ValueError):
    """The expression cannot be read or evaluated; whoever wrote it must act."""


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of text: a keyword or sign is its own kind."""

    kind: str
    text: str
    start: int
    end: int


def word(source: str, at: int) -> Word:
    """
    The word at a place, or behind the spaces there. Raises `ExpressionError`.

    >>> word(" avg(m)", 0).kind, word("m1", 0).kind, word("Bool", 0).kind, word("7", 0).kind
    ('avg', 'name', 'bool', 'integer')
    """
    start = _behind_spaces(source, at)
    if start == len(source):
        return Word("<EOF>", "<EOF>", start, start)
    match = WORD.match(source, start)
    if match is None:
        rest = source[start:] if source[start] in "'\"" else source[start]
        raise ExpressionError(f"{place(source, start)} token recognition error at: '{rest[:80]}'")
    return Word(_kind(str(match.lastgroup), match.group()), match.group(), start, match.end())


def _behind_spaces(source: str, at: int) -> int:
    match = SPACE.match(source, at)
    return match.end() if match else at


def _kind(group: str, text: str) -> str:
    if group == "sign" or text in KEYWORDS:
        return text
    if text.lower() in ANY_CASE:
        return text.lower()
    if group == "name" and text.isdigit():
        return "integer"
    return group


def place(source: str, at: int) -> str:
    r"""
    Line and column, counted as SkyWalking counts them: from one and from zero.

    >>> place("a\n $", 3)
    'line 2:1'
    """
    line = source.count("\n", 0, at)
    return f"line {line + 1}:{at - (source.rfind(chr(10), 0, at) + 1)}"
