"""
Reads everything back and compares: waits until the last window has arrived, no longer.

In: a backend's GraphQL and a ledger.  Out: a `Verdict`.
"""

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from podwire.demo.compare import Answers, Family, families, metrics
from podwire.demo.ledger import Expected, Ledger

INTERVAL_S = 1.0


class Source(Protocol):
    """Who answers; `question.Backend` is one."""

    async def window(self, since_s: float) -> dict[str, str]:
        """A duration from a moment to now."""

    async def values(self, source: str, target: str, metrics: Any, duration: Any) -> dict[str, Any]:
        """Metrics of one edge by minute."""

    async def edges(self, duration: Any) -> list[Expected]:
        """The topology."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check found."""

    families: list[Family]
    edges: list[Expected]
    address: str

    @property
    def ok(self) -> bool:
        return bool(self.families) and all(family.ok for family in self.families)

    def document(self) -> dict[str, Any]:
        """As `podwire demo --check --output json` prints it."""
        return {
            "ok": self.ok,
            "families": [asdict(family) for family in self.families],
            "edges": [asdict(edge) for edge in self.edges],
            "address": self.address,
        }


async def check(
    backend: Source, ledger: Ledger, address: str, *, patience_s: float = 30.0
) -> Verdict:
    """Ask until everything is right, or until nothing has changed for so long."""
    verdict = await _ask(backend, ledger, address)
    changed_s = time.monotonic()
    while not verdict.ok and time.monotonic() < changed_s + patience_s:
        await asyncio.sleep(INTERVAL_S)
        latest = await _ask(backend, ledger, address)
        if latest != verdict:
            verdict, changed_s = latest, time.monotonic()
    return verdict


async def _ask(backend: Source, ledger: Ledger, address: str) -> Verdict:
    duration = await backend.window(ledger.began_s)
    names = metrics()
    answers: dict[tuple[str, str], Any] = {}
    for seen in ledger.seen:
        pair = seen.source, seen.target
        if pair not in answers:
            answers[pair] = await backend.values(*pair, names, duration)
    edges = await backend.edges(duration)
    known: Answers = answers
    return Verdict(families(ledger, known, edges), edges, address)
