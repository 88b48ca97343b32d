"""
Conservation laws of the kernel half: what went in came out, or has a name.

In: the tallies of `bpf/loss.h`.  Out: both sides of each law.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Law:
    """Two sums that are equal whatever happened."""

    name: str
    came: int
    went: int

    @property
    def holds(self) -> bool:
        """Whether nothing is missing and nothing was made up."""
        return self.came == self.went


def laws(tallies: Mapping[str, int]) -> tuple[Law, ...]:
    """
    The laws of requests, of bytes, and of what TLS libraries' calls moved in clear.

    >>> laws({"requests_begun": 2, "requests_answered": 1, "requests_underway": 1})[0].holds
    True
    """
    requests = ("answered", "unanswered", "unfinished", "forgotten", "underway")
    return (
        Law("requests", tallies.get("requests_begun", 0), _sum(tallies, "requests", requests)),
        Law(
            "bytes of ended connections",
            tallies.get("bytes_crossed", 0),
            _sum(tallies, "bytes", ("called", "uncalled")),
        ),
        Law(
            "calls of TLS libraries",
            tallies.get("plaintext_called", 0),
            _sum(tallies, "plaintext", ("followed", "lost")),
        ),
    )


def _sum(tallies: Mapping[str, int], what: str, names: tuple[str, ...]) -> int:
    return sum(tallies.get(f"{what}_{name}", 0) for name in names)
