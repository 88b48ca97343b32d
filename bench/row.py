"""One line of the table: what was measured, the figure, and what it means."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A figure with its unit in the text, so that nobody has to guess it."""

    what: str
    figure: str
    note: str = ""
