"""
Regular expressions that come from elsewhere: RE2, whose time grows with the text alone.

In: a pattern as an operator wrote it.  Out: compiled, or what is wrong with it and where.
"""

import re2

Pattern = "re2._Regexp[str]"


class BadPattern(ValueError):
    """RE2 does not know it; whoever wrote it must act."""

    def __init__(self, pattern: str, position: int, why: str) -> None:
        super().__init__(f'"{pattern}" is invalid at position {position}: {why}')


def compiled(pattern: str) -> "re2._Regexp[str]":
    """
    A pattern, ready to search.

    Raises `BadPattern`.

    >>> compiled("a(b")
    Traceback (most recent call last):
    podwire.wire.pattern.BadPattern: "a(b" is invalid at position 0: missing )
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0]
        why, _, piece = (said.decode() if isinstance(said, bytes) else str(said)).partition(": ")
        raise BadPattern(pattern, max(0, pattern.find(piece)), why) from error
