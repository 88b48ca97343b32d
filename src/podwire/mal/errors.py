"""
Where rule text came from, and errors that point into it.

In: a file, a place in it, and what is wrong there.  Out: `RuleError`, for the rule's author.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """A piece of rule text and the place in a file where it begins (both counted from 1)."""

    text: str
    file: str = "<text>"
    line: int = 1
    columns: tuple[int, ...] = (1,)
    """The file column at which each line of the text begins; the last holds for all after it."""

    def place(self, offset: int) -> tuple[int, int]:
        r"""
        The line and column in the file of an offset in the text.

        >>> Source("a\n.sum()", line=7, columns=(9, 11)).place(2)
        (8, 11)
        """
        before = self.text[:offset]
        row = before.count("\n")
        column = offset - (before.rfind("\n") + 1)
        return self.line + row, self.columns[min(row, len(self.columns) - 1)] + column

    def excerpt(self, start: int, end: int) -> str:
        """
        The line of text around an offset with carets under it.

        >>> print(Source("a.sux(['b'])").excerpt(2, 5))
            a.sux(['b'])
              ^^^
        """
        head = self.text.rfind("\n", 0, start) + 1
        tail = self.text.find("\n", start)
        line = self.text[head:] if tail < 0 else self.text[head:tail]
        carets = max(1, min(end, head + len(line)) - start)
        return f"    {line}\n    {' ' * (start - head)}{'^' * carets}"


@dataclass(frozen=True, slots=True)
class Span:
    """From one offset of a source to before another."""

    source: Source = field(repr=False)
    start: int
    end: int

    def to(self, other: "Span") -> "Span":
        """From where this begins to where `other` ends."""
        return Span(self.source, self.start, max(self.start, other.end))


NOWHERE = Span(Source(""), 0, 0)
"""The span of a tree that was built, not parsed."""


class RuleError(Exception):
    """A rule file that cannot be used; nothing of it is."""

    def __init__(self, message: str, span: Span = NOWHERE, hint: str = "") -> None:
        self.message = message
        self.span = span
        self.hint = hint
        self.file = span.source.file
        self.line, self.column = span.source.place(span.start)
        self.excerpt = span.source.excerpt(span.start, span.end)
        super().__init__(str(self))

    def __str__(self) -> str:
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.message}\n{self.excerpt}{hint}"


class SampleError(Exception):
    """What a rule cannot do with the samples at hand; the place is what could not be done."""

    def __init__(self, message: str, span: Span = NOWHERE) -> None:
        self.message = message
        self.span = span
        super().__init__(message)
